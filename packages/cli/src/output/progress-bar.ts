import type { OutputStream } from "../io.ts";

/** A bar on a terminal that shows how far something got; silent elsewhere. */
export interface ProgressBar {
  readonly update: (done: number, total: number) => void;
  /** Takes the bar away. */
  readonly clear: () => void;
}

const CLEAR_LINE = "\r\u001B[2K";
const WIDTH = 30;

/** Makes a progress bar. It draws nothing before the first `update`. */
export function createProgressBar(stream: OutputStream, label: string): ProgressBar {
  if (stream.isTTY !== true) return { update: () => {}, clear: () => {} };
  let drawn = false;
  return {
    update: (done, total) => {
      const share = total === 0 ? 1 : Math.min(1, done / total);
      const filled = Math.round(share * WIDTH);
      const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
      const percent = `${Math.floor(share * 100)}%`.padStart(4);
      stream.write(`${CLEAR_LINE}${label} ${bar} ${percent}  ${done} of ${total}`);
      drawn = true;
    },
    clear: () => {
      if (drawn) stream.write(CLEAR_LINE);
      drawn = false;
    },
  };
}
