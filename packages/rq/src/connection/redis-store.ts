import { setImmediate } from "node:timers";

import { BackendUnavailable } from "@tasks/core";
import type { Redis } from "ioredis";

import { inChunks } from "../chunks.ts";
import type { ResolvedOptions } from "../options.ts";
import { DENIED_COMMANDS } from "../scripts/allowed.ts";
import type { CompiledScript, Script } from "../scripts/script.ts";
import { optionsOfNode, type RedisClient } from "./client.ts";
import { isDenied, isPermanent, isUnknownScript, toTasksError, toUnavailable } from "./errors.ts";
import type { OpenedRedis } from "./open-redis.ts";
import { afterSilence } from "./patience.ts";
import { Rights } from "./rights.ts";
import { SilenceWatch } from "./silence.ts";

/** How long a call waits for a connection, in milliseconds: long enough for a restart of the server. */
const READY_MS = 2000;

/** A value that scripts take. */
export type ScriptValue = string | number;

/** Runs scripts on the keys of one backend. Every call answers or rejects within a bounded time. */
export class RedisStore {
  readonly #redis: OpenedRedis;
  readonly #root: () => string;
  readonly #timeoutMs: number;
  readonly #tellsEvents: boolean;
  /** Over a client of the backend's own. */
  readonly #silence: SilenceWatch | undefined;
  #becomingReady: Promise<void> | undefined;
  #interruptions = 0;
  readonly #rights = new Rights(
    (values) => this.bounded(this.#eval(DENIED_COMMANDS, values)),
    () => this.#describeUser(),
  );
  readonly #onInterruption = (): void => {
    this.#interruptions++;
    this.#rights.forget();
  };
  #isClosed = false;

  /** @param root what all keys begin with; asked for at each call, as the alias in it is known after configuration only. */
  constructor(
    redis: OpenedRedis,
    root: () => string,
    { commandTimeoutMs, events }: Pick<ResolvedOptions, "commandTimeoutMs" | "events">,
  ) {
    this.#redis = redis;
    this.#root = root;
    this.#timeoutMs = commandTimeoutMs;
    this.#tellsEvents = events;
    this.#silence = redis.isOwn ? new SilenceWatch(redis.client as Redis) : undefined;
    // A cluster tells of each connection by itself.
    redis.client.on("close", this.#onInterruption).on("-node", this.#onInterruption);
  }

  /** How often the connection broke: whatever was under way then may have been carried out once, twice or not at all. */
  get interruptions(): number {
    return this.#interruptions;
  }

  get client(): RedisClient {
    return this.#redis.client;
  }

  get opened(): OpenedRedis {
    return this.#redis;
  }

  /** What all keys begin with: the hash tag of the backend. */
  get root(): string {
    return this.#root();
  }

  /**
   * The keys that scripts are called with. While a slot of a cluster moves, a node takes commands with one key for those that it has, and some of ours are
   * not there yet: with two keys that exist nowhere, it says TRYAGAIN until all of them are.
   */
  get keys(): readonly string[] {
    return [this.root, `${this.root}:@`];
  }

  /** Runs a script. @throws BackendUnavailable; InvalidTask when the values are refused. */
  async run(script: Script, values: readonly ScriptValue[] = []): Promise<unknown> {
    if (this.client.status !== "ready" || this.#isClosed) await this.#ready();
    const compiled = this.#tellsEvents ? script.withEvents : script;
    if (!this.#rights.isGranted(compiled)) await this.#rights.assertGranted(compiled);
    try {
      return await this.bounded(this.#eval(compiled, values));
    } catch (error) {
      if (isDenied(error)) this.#rights.forget();
      throw error;
    }
  }

  /** Runs a script that takes any number of items and answers with numbers for each, as often as it takes. An empty list runs nothing. */
  async runInChunks(
    script: Script,
    items: readonly (readonly ScriptValue[])[],
    most?: number,
  ): Promise<readonly number[]> {
    const answers: number[] = [];
    for (const values of inChunks(items, most)) {
      for (const answer of (await this.run(script, values)) as readonly number[]) {
        answers.push(answer);
      }
    }
    return answers;
  }

  /** Which of these commands the user of the connection may not run on keys and channels of the backend. */
  async denied(commands: readonly string[]): Promise<readonly string[]> {
    if (this.client.status !== "ready" || this.#isClosed) await this.#ready();
    return this.#rights.denied(commands);
  }

  /** Waits for a connection, then for the answer of a command. */
  async command<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.client.status !== "ready" || this.#isClosed) await this.#ready();
    return this.bounded(send(this.client));
  }

  /** Waits for an answer, but not for ever: a network that swallows packets says nothing. */
  async bounded<T>(answer: Promise<T>): Promise<T> {
    const endWatch = this.#silence?.begin();
    let callOff: (() => void) | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      callOff = afterSilence(this.#timeoutMs, () => reject(this.#giveUp()));
    });
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      throw toTasksError(error);
    } finally {
      callOff?.();
      endWatch?.();
    }
  }

  /** Closes a client of the backend's own. Calls that are under way reject. */
  close(): void {
    this.#isClosed = true;
    this.client.off("close", this.#onInterruption).off("-node", this.#onInterruption);
    if (this.#redis.isOwn) this.client.disconnect();
  }

  async #eval(script: CompiledScript, values: readonly ScriptValue[]): Promise<unknown> {
    const { client, keys } = this;
    const rest = [keys.length, ...keys, ...values];
    try {
      // As one array: a call with a hundred thousand arguments would not fit on the stack.
      return await client.call("EVALSHA", [script.sha, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return client.call("EVAL", [script.lua, ...rest]);
    }
  }

  #describeUser(): string {
    const { username } = optionsOfNode(this.client);
    return `The Redis user '${username || "default"}', on keys and channels '${this.root}*',`;
  }

  /** A connection that is silent is given up, so that the next one is tried. A goodbye would wait for the answer of whoever is silent. */
  #giveUp(): BackendUnavailable {
    const { isOwn, client } = this.#redis;
    if (isOwn && client.status === "ready") (client as Redis).stream.destroy();
    return new BackendUnavailable(`Redis did not answer within ${this.#timeoutMs} ms.`);
  }

  #noConnection(): Error {
    const isEncrypted = optionsOfNode(this.client).tls !== undefined;
    const advice = "; rediss:// asks for TLS, which the server may not speak: then use redis://";
    return new Error(`no connection${isEncrypted ? advice : ""}`);
  }

  /** Calls that come during an outage wait together. */
  #ready(): Promise<void> {
    this.#becomingReady ??= this.#waitUntilReady().finally(() => {
      this.#becomingReady = undefined;
    });
    return this.#becomingReady;
  }

  async #waitUntilReady(): Promise<void> {
    if (this.#isClosed) throw new BackendUnavailable("The backend was closed.");
    const { client } = this;
    if (client.status === "wait") client.connect().catch(() => undefined);
    await new Promise<void>((resolve, reject) => {
      let lastError: Error | undefined;
      const settle = (isReady: boolean): void => {
        callOff();
        client.off("ready", onReady).off("end", onEnd).off("error", onError);
        if (isReady) resolve();
        else reject(toUnavailable(lastError ?? this.#noConnection()));
      };
      // An answer that arrived with this one may have closed the connection.
      const onReady = (): void => {
        setImmediate(() => {
          if (client.status === "ready") settle(true);
        });
      };
      const onEnd = (): void => settle(false);
      const onError = (error: Error): void => {
        // What follows from a refusal says less.
        if (!isPermanent(lastError)) lastError = error;
      };
      const callOff = afterSilence(READY_MS, onEnd);
      client.on("ready", onReady).on("end", onEnd).on("error", onError);
      if (client.status === "ready") onReady();
      else if (client.status === "end") onEnd();
    });
  }
}
