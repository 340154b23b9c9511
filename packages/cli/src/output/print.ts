import type { CliIo } from "../io.ts";
import { toSafeJson } from "./escape.ts";
import { createStyler, type Styler } from "./styles.ts";

/** Writes what a command found out to stdout. */
export interface Printer {
  /** Emphasis as stdout allows. */
  readonly style: Styler;
  /** Width to fit into; `undefined` when nobody looks and nothing needs to be cut. */
  readonly width: number | undefined;
  /** One line of text. */
  readonly line: (text: string) => void;
  /** Text that brings its own line ends. */
  readonly text: (text: string) => void;
  /** The one JSON document of a command. */
  readonly json: (value: unknown) => void;
}

/** Makes a printer. */
export function createPrinter({ stdout, env }: CliIo): Printer {
  return {
    style: createStyler(stdout, env),
    width: stdout.isTTY === true ? (stdout.columns ?? 80) : undefined,
    line: (text) => void stdout.write(`${text}\n`),
    text: (text) => void stdout.write(text),
    json: (value) => void stdout.write(`${toSafeJson(value, 2)}\n`),
  };
}
