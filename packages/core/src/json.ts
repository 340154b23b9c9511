import { PayloadTooLarge } from "./errors.ts";

/** A value that JSON carries there and back unchanged. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Deepest nesting accepted, so that no encoder or decoder runs out of stack. */
const MAX_JSON_DEPTH = 500;

/** A normalised value and its JSON text. */
export interface EncodedJson {
  readonly value: JsonValue;
  readonly json: string;
}

/**
 * Copies a value into plain JSON data, so that every backend hands back the same.
 *
 * Bytes (`Uint8Array`) become UTF-8 text, −0 becomes 0, properties that are `undefined` are left out. What JSON cannot bring back is refused.
 *
 * @param path how messages call the value.
 * @throws TypeError "Unsupported type at args[0].user.born: Date" for anything JSON cannot bring back: `Date`, `Map`, `Set`, `BigInt`, functions,
 *   symbols, class instances, `NaN`, `undefined` inside an array, cycles, U+0000, lone surrogates, nesting deeper than 500.
 */
export function normalizeJson(value: unknown, path = "value"): JsonValue {
  return new Normalizer(path, Number.POSITIVE_INFINITY).normalize(value);
}

/**
 * Normalises a value and encodes it once.
 *
 * @param maxBytes largest JSON text, in bytes of UTF-8. Checked while walking, before everything is encoded.
 * @throws TypeError as `normalizeJson`; PayloadTooLarge.
 */
export function encodeJson(value: unknown, path: string, maxBytes: number): EncodedJson {
  const normal = new Normalizer(path, maxBytes).normalize(value);
  const json = JSON.stringify(normal);
  // UTF-16 length bounds the UTF-8 length from both sides; count bytes only in between.
  if (json.length * 3 > maxBytes) {
    const bytes = json.length > maxBytes ? json.length : utf8Length(json);
    if (bytes > maxBytes) throw tooLarge(path, `${utf8Length(json)} bytes`, maxBytes);
  }
  return { value: normal, json };
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function tooLarge(path: string, size: string, maxBytes: number): PayloadTooLarge {
  return new PayloadTooLarge(
    `${path} is ${size} of JSON, but the backend accepts at most ${maxBytes} bytes. ` +
      "Store the data elsewhere and pass a reference, or raise maxPayloadBytes.",
  );
}

/** Tells whether a text holds U+0000 or a lone surrogate, which some stores cannot keep. */
function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

class Normalizer {
  readonly #root: string;
  readonly #maxBytes: number;
  /** Keys from the root to the value at hand; numbers are array indexes. */
  readonly #path: (string | number)[] = [];
  /** The objects along the path; few enough to search one by one. */
  readonly #ancestors: object[] = [];
  /** A lower bound of the JSON text's length so far. */
  #size = 0;
  /** What this class itself threw. */
  #problem: Error | undefined;

  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
  }

  normalize(value: unknown): JsonValue {
    try {
      return this.#value(value);
    } catch (cause) {
      if (cause === this.#problem) throw cause;
      // A getter or a proxy's trap threw.
      throw new TypeError(`Unsupported value at ${this.#where()}: it cannot be read`, { cause });
    }
  }

  #value(value: unknown): JsonValue {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        if (!Number.isFinite(value)) throw this.#unsupported(String(value));
        this.#grow(1);
        return value === 0 ? 0 : value;
      case "boolean":
        this.#grow(4);
        return value;
      case "object":
        return value === null ? null : this.#object(value);
      default:
        throw this.#unsupported(typeof value);
    }
  }

  #text(value: string): string {
    if (!isStorableText(value)) {
      throw this.#unsupported(
        value.includes("\0") ? "string with U+0000" : "string with a lone surrogate",
      );
    }
    this.#grow(value.length + 2);
    return value;
  }

  #object(value: object): JsonValue {
    if (isBytes(value)) return this.#text(this.#decode(value));
    if (this.#ancestors.includes(value)) throw this.#unsupported("a cycle");
    if (this.#path.length >= MAX_JSON_DEPTH) {
      throw this.#unsupported(`nesting deeper than ${MAX_JSON_DEPTH}`);
    }
    this.#grow(2);
    this.#ancestors.push(value);
    const copy = Array.isArray(value) ? this.#array(value) : this.#record(value);
    this.#ancestors.pop();
    return copy;
  }

  #array(value: readonly unknown[]): JsonValue[] {
    // A sparse array of a billion holes must not be walked before its size is refused.
    this.#grow(Math.max(0, value.length - 1));
    const copy: JsonValue[] = [];
    for (let index = 0; index < value.length; index++) {
      copy.push(this.#child(value, index) as JsonValue);
    }
    return copy;
  }

  #record(value: object): JsonObject {
    if (!isPlain(value)) throw this.#unsupported(className(value));
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#unsupported("symbol key");
    const copy: Record<string, JsonValue> = {};
    for (const key of Object.keys(value)) {
      const normal = this.#child(value, key);
      if (normal === undefined) continue;
      if (!isStorableText(key)) throw this.#unsupported("key with U+0000 or a lone surrogate");
      this.#grow(key.length + 3);
      if (key === "__proto__") {
        // An assignment would set the prototype.
        Object.defineProperty(copy, key, {
          value: normal,
          enumerable: true,
          writable: true,
          configurable: true,
        });
      } else {
        copy[key] = normal;
      }
    }
    return copy;
  }

  /** `undefined` for a property that is left out. */
  #child(parent: object, key: string | number): JsonValue | undefined {
    this.#path.push(key);
    const value: unknown = parent[key as never];
    const isLeftOut = value === undefined && typeof key === "string";
    const normal = isLeftOut ? undefined : this.#value(value);
    this.#path.pop();
    return normal;
  }

  #decode(bytes: Uint8Array): string {
    // Refused before it is decoded.
    if (bytes.length > this.#maxBytes) this.#grow(bytes.length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.#unsupported("bytes that are not UTF-8", "value");
    }
  }

  #grow(characters: number): void {
    this.#size += characters;
    if (this.#size > this.#maxBytes) {
      this.#problem = tooLarge(this.#root, `at least ${this.#size} bytes`, this.#maxBytes);
      throw this.#problem;
    }
  }

  #unsupported(what: string, noun = "type"): TypeError {
    this.#problem = new TypeError(`Unsupported ${noun} at ${this.#where()}: ${what}`);
    return this.#problem;
  }

  #where(): string {
    const shown = this.#path.length > 20 ? [...this.#path.slice(0, 20), "…"] : this.#path;
    return shown.reduce<string>((path, key) => {
      if (typeof key === "number") return `${path}[${key}]`;
      return /^[A-Za-z_$][\w$]*$/.test(key)
        ? `${path}.${key}`
        : `${path}[${JSON.stringify(key.slice(0, 64))}]`;
    }, this.#root);
  }
}

/** By tag, so that bytes of another realm count too. */
function isBytes(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object(value)[Symbol.toStringTag] === "Uint8Array";
}

/** Tells whether an object is plain. Plain objects of other realms have a foreign `Object.prototype`. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

function className(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? name.slice(0, 100) : "class instance";
}
