import {
  task,
  type AnyTask,
  type JsonObject,
  type JsonValue,
  type NotJson,
  type SurvivesJson,
  type Task,
  type TaskContext,
  type TaskResult,
} from "@tasks/core";
import { type } from "arktype";
import * as v from "valibot";
import { expectTypeOf } from "vitest";
import { z } from "zod";

// Arguments and return values are inferred.
const greet = task({ name: "greet" }, async (name: string, times?: number) =>
  name.repeat(times ?? 1),
);
expectTypeOf(greet).toEqualTypeOf<Task<[name: string, times?: number | undefined], string>>();
expectTypeOf<Parameters<(typeof greet)["enqueue"]>>().toEqualTypeOf<
  [name: string, times?: number | undefined]
>();
expectTypeOf(greet.enqueue("Ada")).resolves.toEqualTypeOf<TaskResult<string>>();
expectTypeOf(greet.delay("Ada", 2)).resolves.toEqualTypeOf<TaskResult<string>>();
expectTypeOf(greet.call("Ada")).resolves.toEqualTypeOf<string>();
expectTypeOf(greet.getResult("id")).resolves.toEqualTypeOf<TaskResult<string>>();
expectTypeOf(greet.using({ priority: 1 })).toEqualTypeOf<typeof greet>();
expectTypeOf(greet.enqueueMany([["Ada"], ["Grace", 2]])).resolves.toEqualTypeOf<
  TaskResult<string>[]
>();

// Functions that are not async, bare functions, functions of many shapes.
function add(a: number, b: number): number {
  return a + b;
}
expectTypeOf(task(add)).toEqualTypeOf<Task<[a: number, b: number], number>>();
expectTypeOf(task({ name: "rest" }, (...words: string[]) => words.join())).toEqualTypeOf<
  Task<string[], string>
>();
expectTypeOf(task({ name: "default" }, (limit: number = 10) => limit)).toEqualTypeOf<
  Task<[limit?: number | undefined], number>
>();
expectTypeOf(task({}, add)).toEqualTypeOf<Task<[a: number, b: number], number>>();

// A parameter with a default is optional, and has the type of its default where it names none.
expectTypeOf(task((limit = 10) => limit)).toEqualTypeOf<
  Task<[limit?: number | undefined], number>
>();
const page = task({ name: "page" }, async (query: string, limit = 10, mode = "short") => {
  expectTypeOf(limit).toEqualTypeOf<number>();
  return query.repeat(limit) + mode;
});
expectTypeOf(page).toEqualTypeOf<
  Task<[query: string, limit?: number | undefined, mode?: string | undefined], string>
>();
void page.enqueue("a");
void page.enqueue("a", 5);
void page.enqueueMany([["a"], ["b", 5, "long"]]);
// @ts-expect-error -- not a number
void page.enqueue("a", "5");
expectTypeOf(
  task({ name: "context-default", takesContext: true }, (context, limit = 10) => {
    expectTypeOf(context).toEqualTypeOf<TaskContext>();
    return limit * context.attempt;
  }),
).toEqualTypeOf<Task<[limit?: number | undefined], number>>();
expectTypeOf(
  task({ name: "default-object" }, ({ loud = false }: { readonly loud?: boolean } = {}) => loud),
).toEqualTypeOf<Task<[options?: { readonly loud?: boolean } | undefined], boolean>>();
expectTypeOf(
  task(
    {
      name: "default-key",
      unique: { key: (query: string, limit = 10) => query + limit, scope: "until-started" },
    },
    (query: string, limit: number = 10) => query.repeat(limit),
  ),
).toEqualTypeOf<Task<[query: string, limit?: number | undefined], string>>();

// What JSON makes of a missing return value.
expectTypeOf(task({ name: "void" }, () => {})).toEqualTypeOf<Task<[], null>>();
expectTypeOf(task({ name: "promise" }, async () => {})).toEqualTypeOf<Task<[], null>>();
expectTypeOf(task({ name: "maybe" }, (on: boolean) => (on ? "yes" : undefined))).toEqualTypeOf<
  Task<[on: boolean], "yes" | null>
>();

// Whatever survives JSON passes: interfaces, readonly data, unions, optional properties.
interface User {
  readonly name: string;
  readonly age?: number | undefined;
  readonly tags: readonly string[];
  readonly address: { readonly city: string } | null;
}
const welcome = task({ name: "welcome" }, (user: User, mode: "short" | "long"): User => {
  expectTypeOf(mode).toEqualTypeOf<"short" | "long">();
  return user;
});
expectTypeOf(welcome).toEqualTypeOf<Task<[user: User, mode: "short" | "long"], User>>();
expectTypeOf(task({ name: "json" }, (value: JsonValue) => value)).toEqualTypeOf<
  Task<[value: JsonValue], JsonValue>
>();
expectTypeOf(task({ name: "object" }, (value: JsonObject) => value)).toEqualTypeOf<
  Task<[value: JsonObject], JsonObject>
>();
expectTypeOf(task({ name: "unknown" }, (value: unknown) => value)).toEqualTypeOf<
  Task<[value: unknown], unknown>
>();
expectTypeOf(
  task({ name: "never" }, (): never => {
    throw new Error("x");
  }),
).toEqualTypeOf<Task<[], never>>();

type Tree = { readonly value: number; readonly children: readonly Tree[] };
expectTypeOf(task({ name: "tree" }, (tree: Tree) => tree)).toEqualTypeOf<
  Task<[tree: Tree], Tree>
>();

// Data that only looks like an error is data.
interface Contact {
  readonly name: string;
  readonly message: string;
}
expectTypeOf(task({ name: "contact" }, (contact: Contact) => contact)).toEqualTypeOf<
  Task<[contact: Contact], Contact>
>();

// Wrong arguments do not compile.
// @ts-expect-error -- the name is missing
void greet.enqueue();
// @ts-expect-error -- not a string
void greet.enqueue(42);
// @ts-expect-error -- one too many
void greet.enqueue("Ada", 1, true);
// @ts-expect-error -- not a string
void greet.enqueueMany([[42]]);
// @ts-expect-error -- not a string
void greet.call(42);
// @ts-expect-error -- a property is missing
void welcome.enqueue({ name: "Ada", tags: [] }, "short");

// What does not survive JSON does not compile.
// @ts-expect-error -- a date
task({ name: "date" }, (born: Date) => born.getTime());
// @ts-expect-error -- a date, deep inside
task({ name: "deep" }, (user: { readonly born: Date }) => user.born.getTime());
// @ts-expect-error -- a map
task({ name: "map" }, (values: Map<string, number>) => values.size);
// @ts-expect-error -- a set
task({ name: "set" }, (values: readonly Set<string>[]) => values.length);
// @ts-expect-error -- a bigint
task({ name: "bigint" }, (count: bigint) => String(count));
// @ts-expect-error -- a symbol
task({ name: "symbol" }, (key: symbol) => String(key));
// @ts-expect-error -- a function
task({ name: "callback" }, (done: () => void) => done());
// @ts-expect-error -- a regular expression
task({ name: "regexp" }, (pattern: RegExp) => pattern.source);
class Money {
  readonly cents: number = 0;
  format(): string {
    return String(this.cents);
  }
}
// @ts-expect-error -- an instance with methods
task({ name: "money" }, (money: Money) => money.cents);
// @ts-expect-error -- a date among the arguments
task((name: string, born: Date) => name + born.getTime());
// @ts-expect-error -- a date comes back
task({ name: "returns-date" }, () => new Date());
// @ts-expect-error -- a promise of a map comes back
task({ name: "returns-map" }, async () => new Map([["a", 1]]));
// @ts-expect-error -- a function comes back, deep inside
task({ name: "returns-function" }, () => ({ run: () => 1 }));
// @ts-expect-error -- a bigint comes back
task({ name: "returns-bigint" }, () => 1n);
// @ts-expect-error -- a symbol comes back
task({ name: "returns-symbol" }, () => Symbol("x"));
// @ts-expect-error -- an instance with methods comes back
task({ name: "returns-money" }, () => new Money());
// @ts-expect-error -- a date, where the context comes first
task({ name: "context-date", takesContext: true }, (context, born: Date) => born.getTime());

// @ts-expect-error -- an error
task({ name: "error" }, (error: Error) => error.message);

// The compiler tells what does not survive, and where.
interface Order {
  readonly user: { readonly born: Date };
  readonly totals: readonly bigint[];
}
expectTypeOf<SurvivesJson<[id: string, order: Order], null>>().toEqualTypeOf<
  NotJson<"args[1].user.born: Date" | "args[1].totals[]: bigint">
>();
expectTypeOf<SurvivesJson<[], { readonly run: () => void }>>().toEqualTypeOf<
  NotJson<"return value.run: function">
>();
expectTypeOf<SurvivesJson<[tree: Tree], Contact>>().toEqualTypeOf<unknown>();

// The context comes first, typed without being named.
const progress = task({ name: "progress", takesContext: true }, async (context, ms: number) => {
  expectTypeOf(context).toEqualTypeOf<TaskContext>();
  expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
  return ms;
});
expectTypeOf(progress).toEqualTypeOf<Task<[ms: number], number>>();
expectTypeOf(
  task({ name: "only-context", takesContext: true }, (context) => context.attempt),
).toEqualTypeOf<Task<[], number>>();
expectTypeOf(
  task(
    { name: "named-context", takesContext: true },
    (context: TaskContext, a: string, b?: number) => a.repeat(b ?? context.attempt),
  ),
).toEqualTypeOf<Task<[a: string, b?: number | undefined], string>>();
expectTypeOf(
  task({ name: "rest-context", takesContext: true }, (context, ...rest: string[]) => rest),
).toEqualTypeOf<Task<string[], string[]>>();
// @ts-expect-error -- the first parameter is not the context
task({ name: "no-context", takesContext: true }, (name: string) => name);

// Key functions receive the task's arguments.
const charge = task(
  {
    name: "charge",
    unique: {
      key: (customer, cents) => {
        expectTypeOf(customer).toEqualTypeOf<string>();
        expectTypeOf(cents).toEqualTypeOf<number>();
        return customer;
      },
      scope: "until-finished",
    },
    concurrency: { key: (customer) => customer.toUpperCase(), limit: 1 },
  },
  async (customer: string, cents: number) => ({ customer, cents }),
);
expectTypeOf(charge).toEqualTypeOf<
  Task<[customer: string, cents: number], { customer: string; cents: number }>
>();
const refund = task(
  {
    name: "refund",
    takesContext: true,
    unique: {
      key: (customer: string) => customer.toUpperCase(),
      scope: { windowMs: 1000 },
      onConflict: "reject",
    },
    concurrency: { key: (_customer: string, cents: number) => cents.toFixed(), limit: 2 },
  },
  async (context, customer: string, cents: number) => [context.attempt, customer, cents],
);
expectTypeOf(refund).toEqualTypeOf<Task<[customer: string, cents: number], (string | number)[]>>();
task(
  // @ts-expect-error -- a key is a string
  { name: "bad-key", unique: { key: (id: number) => id, scope: "until-started" } },
  (id: number) => id,
);

// With a schema, enqueue takes its input and the function gets its output: a date travels as text.
const zodInput = z.object({
  email: z.string(),
  born: z.iso.datetime().transform((text) => new Date(text)),
});
const zodTask = task({ name: "zod", input: zodInput }, async (user) => {
  expectTypeOf(user).toEqualTypeOf<{ email: string; born: Date }>();
  return user.born.getTime();
});
expectTypeOf(zodTask).toEqualTypeOf<Task<[input: { email: string; born: string }], number>>();
// @ts-expect-error -- the input is text
void zodTask.enqueue({ email: "a@b.c", born: new Date() });
// @ts-expect-error -- the input is missing
void zodTask.enqueue();

const valibotInput = v.object({
  born: v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
  ),
});
const valibotTask = task({ name: "valibot", input: valibotInput }, ({ born }) => {
  expectTypeOf(born).toEqualTypeOf<Date>();
});
expectTypeOf(valibotTask).toEqualTypeOf<Task<[input: { born: string }], null>>();

const arktypeInput = type({ born: "string.date.parse" });
const arktypeTask = task({ name: "arktype", input: arktypeInput }, ({ born }) => {
  expectTypeOf(born).toEqualTypeOf<Date>();
  return "done";
});
expectTypeOf(arktypeTask).toEqualTypeOf<Task<[input: { born: string }], string>>();

const withBoth = task(
  {
    name: "schema-context",
    input: zodInput,
    takesContext: true,
    unique: { key: ({ email }) => email, scope: "until-started" },
  },
  (context, { born }) => {
    expectTypeOf(context).toEqualTypeOf<TaskContext>();
    return born.toISOString();
  },
);
expectTypeOf(withBoth).toEqualTypeOf<Task<[input: { email: string; born: string }], string>>();
// @ts-expect-error -- a date cannot be the input
task({ name: "date-input", input: z.date() }, (born) => born.getTime());
// @ts-expect-error -- a date cannot be part of the input
task({ name: "date-part", input: z.object({ born: z.date() }) }, ({ born }) => born.getTime());
// @ts-expect-error -- a date cannot come back
task({ name: "date-output", input: zodInput }, ({ born }) => born);

// Unknown options do not compile, and neither does a static due time.
// @ts-expect-error -- a due time belongs to using()
task({ name: "static", runAfter: new Date() }, () => 1);
// @ts-expect-error -- not an option
task({ name: "typo", maxAttempt: 3 }, () => 1);
// @ts-expect-error -- not a number
task({ name: "text-priority", priority: "high" }, () => 1);
// @ts-expect-error -- no function
task({ name: "nothing" });

greet.using({
  runAfter: { minutes: 10 },
  queueName: "emails",
  backend: "other",
  metadata: { a: 1 },
});
greet.using({ runAfter: new Date(), transaction: {} });
greet.using({ runAfter: null });
greet.using({ runAfter: { epochMilliseconds: 0 } });
// @ts-expect-error -- not an option of using()
greet.using({ maxAttempts: 3 });
// @ts-expect-error -- not a unit
greet.using({ runAfter: { weeks: 1 } });
// @ts-expect-error -- text is not a moment
greet.using({ runAfter: "2030-01-01" });

// Tasks of every signature fit where any task does.
expectTypeOf(greet).toExtend<AnyTask>();
expectTypeOf(progress).toExtend<AnyTask>();
expectTypeOf(zodTask).toExtend<AnyTask>();
const all: readonly AnyTask[] = [greet, welcome, progress, charge, zodTask, withBoth];
void all;
expectTypeOf<Task<[string], number>>().not.toExtend<Task<[number], number>>();

// A library can name the types of what it exports.
export const exported: Task<[to: string, subject?: string], null> = task(
  { name: "library.send-mail", maxAttempts: 3 },
  async (to: string, subject?: string): Promise<void> => {
    void [to, subject];
  },
);
export const exportedWithContext: Task<[id: string], number> = task(
  { name: "library.sync", takesContext: true },
  async (context, id: string) => context.attempt + id.length,
);

// Results.
declare const result: TaskResult<string>;
expectTypeOf(result.returnValue).toEqualTypeOf<string>();
expectTypeOf(result.status).toEqualTypeOf<"READY" | "RUNNING" | "SUCCESSFUL" | "FAILED">();
expectTypeOf(result.wait({ timeoutMs: 1 })).resolves.toEqualTypeOf<TaskResult<string>>();
expectTypeOf(result.finishedAt).toEqualTypeOf<Date | null>();
// @ts-expect-error -- results are snapshots
result.status = "READY";
