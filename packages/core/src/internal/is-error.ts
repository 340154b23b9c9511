import { isNativeError } from "node:util/types";

/** Tells whether a value is an error, also one of another realm: of `node:vm`, or of Node itself under Jest. */
export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}
