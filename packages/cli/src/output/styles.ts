import { styleText } from "node:util";

import type { TaskState } from "@tasks/core";

import type { CliIo, OutputStream } from "../io.ts";

/** What can be emphasised. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan" | "gray";

/** Emphasises a text, or leaves it as it is where colours are not wanted. */
export type Styler = (style: Style, text: string) => string;

/** Colours for one stream: on a terminal, unless NO_COLOR is set; always with FORCE_COLOR. */
export function createStyler(stream: OutputStream, env: CliIo["env"]): Styler {
  if (!hasColors(stream, env)) return (_style, text) => text;
  // The decision is made: styleText must not look at this process's own stdout.
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** Tells whether a stream takes colours. @see https://no-color.org and https://force-color.org */
export function hasColors(stream: OutputStream, env: CliIo["env"]): boolean {
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** The colour of a state. */
export function styleOfState(state: TaskState): Style {
  switch (state) {
    case "successful":
      return "green";
    case "failed":
    case "lost":
      return "red";
    case "running":
      return "cyan";
    case "retrying":
    case "blocked":
      return "yellow";
    case "ready":
      return "blue";
    case "scheduled":
    case "cancelled":
      return "gray";
  }
}
