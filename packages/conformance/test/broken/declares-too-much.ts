import type { BackendSupports } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Declares that it pauses queues, and has no method that does. */
export class DeclaresTooMuch extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "pause.blocked",
    "pause.holds",
    "pause.of-an-empty-queue",
    "pause.other-queues",
    "pause.resume",
    "pause.running-goes-on",
    "pause.shown",
    "pause.twice",
    "supports.methods-of-pause",
  ];

  override readonly supports: BackendSupports = Object.freeze({
    ...new BrokenBackend().supports,
    pause: true,
  });
}
