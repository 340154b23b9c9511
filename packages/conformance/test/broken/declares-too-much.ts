import { BrokenBackend } from "./broken-backend.ts";

/** Declares that it pauses queues, and its methods say that it does not. */
export class DeclaresTooMuch extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "pause.blocked",
    "pause.holds",
    "pause.listed",
    "pause.named-task",
    "pause.of-an-empty-queue",
    "pause.other-queues",
    "pause.queue-name",
    "pause.resume",
    "pause.running-goes-on",
    "pause.shown",
    "pause.twice",
  ];

  override async pause(): Promise<void> {
    throw this.notSupported("pausing queues");
  }
  override async resume(): Promise<void> {
    throw this.notSupported("pausing queues");
  }
}
