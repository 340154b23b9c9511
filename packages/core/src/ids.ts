import { getRandomValues } from "node:crypto";

const random = new Uint8Array(10 * 256);
let used = random.length;

/**
 * A new result id: 32 hexadecimal characters, a version 7 UUID without dashes, so that later ids sort after earlier ones.
 *
 * @see RFC 9562, section 5.7
 */
export function createId(now: number = Date.now()): string {
  if (used === random.length) {
    getRandomValues(random);
    used = 0;
  }
  let text = now.toString(16).padStart(12, "0");
  for (let index = 0; index < 10; index++) {
    let byte = random[used++] ?? 0;
    if (index === 0) byte = 0x70 | (byte & 0x0f);
    if (index === 2) byte = 0x80 | (byte & 0x3f);
    text += HEX[byte];
  }
  return text;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
