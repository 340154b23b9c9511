import { stripVTControlCharacters } from "node:util";

/** Names and values, the values in one column. */
export function toTable(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`.trimEnd()).join("\n");
}

/** A number for people: `12,345`. */
export function toCount(number: number): string {
  return number.toLocaleString("en-US");
}

/** `1 file`, `2 files`. */
export function counted(number: number, noun: string): string {
  return `${toCount(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** One line of text that cannot steer the terminal, whatever a file holds. */
export function toLine(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Bidi_Control}\s]+/gu, " ")
    .trim();
}
