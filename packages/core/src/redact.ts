/** Blanks what looks like a credential: user and password of an address, passwords and tokens given by name, bearer and basic authorization. */
export function redact(text: string): string {
  return text
    .replace(ADDRESS, "$1***@")
    .replace(NAMED, "$1***")
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, "$1 ***");
}

/** User and password of an address; a password may hold "@" and, unless it looks like a port, "/". */
const ADDRESS = /(:\/\/)(?:[^\s/]{1,8192}|[^\s/:@]{0,256}:(?!\d{1,5}[/?#])[^\s@]{1,1024})@/g;
const NAMED =
  /(\b(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key)=)["']?[^\s&;,"'*]{1,8192}["']?/gi;

/** A credential that the end of a text cuts in two, so that `redact` cannot see it whole. */
const UNFINISHED = /(:\/\/|\b(?:bearer|basic)\s)[^\s/]*$/i;

/** Makes a text storable: bounded, without credentials, U+0000 and lone surrogates. */
export function boundedText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return storable(redact(text));
  const note = ` … (cut, ${text.length} characters)`;
  // Redacted before it is cut, so that no credential survives in half; twice the length, because blanking shortens.
  const redacted = redact(text.slice(0, maxLength * 2)).replace(UNFINISHED, "$1***");
  return storable(redacted.slice(0, maxLength - note.length)) + note;
}

function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}
