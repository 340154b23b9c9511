import { BackendUnavailable, InvalidOption } from "@tasks/core";

import type { CompiledScript } from "../scripts/script.ts";

/** Asks the server, by `DENIED_COMMANDS`. */
type Ask = (commands: readonly string[]) => Promise<unknown>;

/**
 * Makes sure that the user of a connection may do all that a script does before the script runs for the first time: one that is denied half-way would have
 * stored something, and fail all the same.
 */
export class Rights {
  readonly #ask: Ask;
  readonly #user: () => string;
  readonly #granted = new Set<CompiledScript>();

  /** @param user the beginning of a sentence about the user and the keys. */
  constructor(ask: Ask, user: () => string) {
    this.#ask = ask;
    this.#user = user;
  }

  /** It was asked about the script on this connection, and all was well. */
  isGranted(script: CompiledScript): boolean {
    return this.#granted.has(script);
  }

  /** @throws BackendUnavailable naming the commands that are missing: nothing has been stored, and when they are granted it works. */
  async assertGranted(script: CompiledScript): Promise<void> {
    const denied = await this.denied(script.commands);
    if (denied.length > 0) {
      const rules = denied.map((command) => `+${command.toLowerCase()}`).join(" ");
      throw new BackendUnavailable(
        `${this.#user()} may not run ${denied.join(", ")}. Grant it with ACL SETUSER (${rules}); docs/redis.md lists what each kind of process needs.`,
        { isPermanent: true },
      );
    }
    this.#granted.add(script);
  }

  /** Which of these commands are not granted. @throws InvalidOption for a client whose options change what the server answers. */
  async denied(commands: readonly string[]): Promise<readonly string[]> {
    const answer = await this.#ask(commands);
    const [one, denied] = Array.isArray(answer) ? (answer as unknown[]) : [];
    if (one === 1 && Array.isArray(denied)) return denied as readonly string[];
    throw new InvalidOption(
      "connection changes what Redis answers: whole numbers must arrive as numbers, and arrays as arrays. Leave out options and transformers such as stringNumbers, or give the backend the server by url.",
    );
  }

  /** To be called when the connection broke, or something was denied. */
  forget(): void {
    this.#granted.clear();
  }
}
