/** Shown by the compiler where a type does not survive JSON. */
export interface NotJson<Problem extends string> {
  readonly "does not survive JSON": Problem;
}

type JsonPrimitive = string | number | boolean | null;

/** Classes of the language whose values JSON cannot bring back. */
type NativeClass =
  | Date
  | RegExp
  | Error
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | WeakMap<WeakKey, unknown>
  | WeakSet<WeakKey>
  | Promise<unknown>
  | ArrayBuffer
  | ArrayBufferView;

/**
 * `T` itself when its values survive JSON, otherwise a type that shows what does not.
 *
 * Works on interfaces too, which an index signature would refuse. `unknown` and `any` pass: the check at enqueue has the last word.
 */
export type JsonChecked<T> = 0 extends 1 & T
  ? T
  : unknown extends T
    ? T
    : T extends JsonPrimitive | undefined | void
      ? T
      : T extends bigint
        ? NotJson<"bigint">
        : T extends symbol
          ? NotJson<"symbol">
          : T extends (...args: never) => unknown
            ? NotJson<"function">
            : T extends NativeClass
              ? NotJson<"an instance of a built-in class">
              : T extends readonly unknown[]
                ? { [K in keyof T]: JsonChecked<T[K]> }
                : T extends object
                  ? { [K in keyof T]: JsonChecked<T[K]> }
                  : NotJson<"this type">;

/** Arguments, checked one by one. */
export type JsonCheckedArgs<Args extends readonly unknown[]> = {
  [K in keyof Args]: JsonChecked<Args[K]>;
};

/** What a JSON round trip makes of a return type: `undefined` and `void` become `null`. */
export type JsonReturn<R> = R extends undefined | void ? null : R;
