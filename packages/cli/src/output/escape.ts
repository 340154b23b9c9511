/** Control characters, line and paragraph separators, lone surrogates, and marks that reorder text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Makes a text from a task harmless on a terminal and in a log: one line, no control sequences, no reordering.
 *
 * What is replaced stays readable: a line feed becomes `\n`, escape becomes `\x1b`.
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => SHORT[character] ?? hexadecimal(character));
}

/** The same for a text of several lines, such as a traceback: lines stay lines. */
export function escapeLines(text: string): string[] {
  return text.split(/\r?\n/).map(escapeText);
}

/** JSON that is harmless on a terminal too: what JSON leaves as it is but a terminal would obey is written as `\uXXXX`. */
export function toSafeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  // JSON escapes line feeds inside strings; those outside belong to the layout.
  return text.replace(UNSAFE, (character) =>
    character === "\n" ? character : `\\u${codeOf(character).padStart(4, "0")}`,
  );
}

function hexadecimal(character: string): string {
  const code = codeOf(character);
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}
