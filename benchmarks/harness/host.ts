import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

import type { Contender } from "../contenders/contender.ts";
import type { Store } from "../contenders/store.ts";
import type { CommandName, Commands, Message, Request } from "./commands.ts";
import type { Place } from "./place.ts";

/** The handle of a host process: a queue in a process of its own. */
export class Host implements AsyncDisposable {
  readonly #child: ChildProcess;
  #settle: { resolve: (output: unknown) => void; reject: (error: Error) => void } | undefined;
  #handled = 0;
  /** Called when the worker of this host has handled more. */
  onProgress: () => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message: Message) => this.#receive(message));
    child.once("exit", (code, signal) => {
      this.#settle?.reject(new Error(`A host process ended with ${signal ?? code}.`));
    });
  }

  /** Starts a process that opens the contender's queue in a place. */
  static async start(store: Store, contender: Contender, place: Place): Promise<Host> {
    const args = [store.name, contender.name, place.address];
    const child = fork(new URL("./host-process.ts", import.meta.url), args);
    const host = new Host(child);
    await host.#answer();
    return host;
  }

  /** Jobs handled since work was started last. */
  get handled(): number {
    return this.#handled;
  }

  /** Sends a command and resolves with its answer. One at a time. */
  async call<Name extends CommandName>(
    name: Name,
    input: Commands[Name]["input"],
  ): Promise<Commands[Name]["output"]> {
    if (name === "startWork") this.#handled = 0;
    const answer = this.#answer();
    const request: Request = { name, input };
    this.#child.send(request);
    return (await answer) as Commands[Name]["output"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }

  async #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  #receive(message: Message): void {
    switch (message.type) {
      case "progress":
        this.#handled = message.handled;
        this.onProgress();
        return;
      case "ready":
        this.#settle?.resolve(undefined);
        return;
      case "answer":
        this.#settle?.resolve(message.output);
        return;
      case "failed":
        this.#settle?.reject(new Error(message.error));
    }
  }
}
