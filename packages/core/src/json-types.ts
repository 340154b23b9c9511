import type { JsonValue } from "./json.ts";

/** Shown by the compiler where a value does not survive JSON: `NotJson<"args[0].born: Date">`. */
export interface NotJson<Where extends string> {
  readonly "does not survive JSON": Where;
}

/**
 * `T` itself when its values survive JSON, otherwise a type that nothing of it is assignable to.
 *
 * Works on interfaces too, which an index signature would refuse. `unknown` and `any` pass: the check at enqueue has the last word.
 */
export type JsonChecked<T> = unknown extends T
  ? T
  : T extends JsonValue | undefined | void
    ? T
    : LossyName<T> extends never
      ? { [K in keyof T]: JsonChecked<T[K]> }
      : NotJson<LossyName<T>>;

/** Arguments, checked one by one. */
export type JsonCheckedArgs<Args extends readonly unknown[]> = {
  [K in keyof Args]: JsonChecked<Args[K]>;
};

/** What a JSON round trip makes of a return type: `undefined` and `void` become `null`. */
export type JsonReturn<R> = R extends undefined | void ? null : R;

/** `unknown` when arguments and return value survive JSON, otherwise what does not. */
export type SurvivesJson<Args extends readonly unknown[], Return> =
  Args extends JsonCheckedArgs<Args>
    ? [Return] extends [JsonChecked<Return>]
      ? unknown
      : NotJson<OrDeeper<Problem<Return, "return value", Depth>, "return value">>
    : NotJson<OrDeeper<Problem<Args, "args", Depth>, "args">>;

/** What JSON cannot bring back, by name; `never` for what may survive. */
type LossyName<T> = T extends bigint
  ? "bigint"
  : T extends symbol
    ? "symbol"
    : T extends ((...args: never) => unknown) | Function
      ? "function"
      : T extends Date
        ? "Date"
        : T extends RegExp
          ? "RegExp"
          : T extends ReadonlyMap<unknown, unknown>
            ? "Map"
            : T extends ReadonlySet<unknown>
              ? "Set"
              : T extends Promise<unknown>
                ? "Promise"
                : T extends ArrayBufferView | ArrayBuffer
                  ? "binary data"
                  : T extends Error
                    ? // Data such as { name, message } looks like an error otherwise.
                      "stack" extends keyof T
                      ? "Error"
                      : never
                    : never;

/** How deep a problem is looked for, to tell its path. */
type Depth = [1, 1, 1, 1, 1];

/** Paths of what does not survive JSON, such as `args[0].born: Date`. */
type Problem<T, Path extends string, Left extends 1[]> = unknown extends T
  ? never
  : T extends JsonValue | undefined | void
    ? never
    : [LossyName<T>] extends [never]
      ? Left extends [1, ...infer Rest extends 1[]]
        ? T extends readonly unknown[]
          ? number extends T["length"]
            ? Problem<T[number], `${Path}[]`, Rest>
            : {
                [K in keyof T & `${number}`]: Problem<T[K], `${Path}[${K}]`, Rest>;
              }[keyof T & `${number}`]
          : {
              [K in keyof T]-?: K extends string | number
                ? Problem<T[K], `${Path}.${K}`, Rest>
                : never;
            }[keyof T]
        : never
      : `${Path}: ${LossyName<T>}`;

type OrDeeper<Found extends string, Path extends string> = [Found] extends [never]
  ? `${Path}: something deep inside`
  : Found;
