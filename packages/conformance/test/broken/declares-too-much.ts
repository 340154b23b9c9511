import { BrokenBackend } from "./broken-backend.ts";

/** Declares that it pauses queues, and its methods say that it does not. */
export class DeclaresTooMuch extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "pause.begins-no-more",
    "pause.backlog",
    "pause.blocked",
    "pause.checked",
    "pause.holds",
    "pause.listed",
    "pause.named-task",
    "pause.of-an-empty-queue",
    "pause.of-released-tasks",
    "pause.of-tasks-that-fall-due",
    "pause.other-queues",
    "pause.queue-name",
    "pause.resume",
    "pause.running-goes-on",
    "pause.shown",
    "pause.twice",
    "wake.resume",
    "pause.among-many-queues",
    "pause.resume-beside-others",
  ];

  override async pause(): Promise<void> {
    throw this.notSupported("pausing queues");
  }
  override async resume(): Promise<void> {
    throw this.notSupported("pausing queues");
  }
}
