import { DummyBackend, ImmediateBackend, InvalidTask, task, withBackends } from "@tasks/core";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { collectLogs } from "./support/logs.ts";

const zodInput = z.object({
  email: z.email(),
  born: z.iso.datetime().transform((text) => new Date(text)),
});
const valibotInput = v.object({
  email: v.pipe(v.string(), v.email()),
  born: v.pipe(
    v.string(),
    v.isoTimestamp(),
    v.transform((text) => new Date(text)),
  ),
});
const arktypeInput = type({ email: "string.email", born: "string.date.parse" });

const seen: { readonly email: string; readonly born: Date }[] = [];
const subjects = {
  zod: task({ name: "schema-input.zod", input: zodInput }, (user) => {
    seen.push(user);
    return user.born.getUTCFullYear();
  }),
  valibot: task({ name: "schema-input.valibot", input: valibotInput }, async (user) => {
    seen.push(user);
    return user.born.getUTCFullYear();
  }),
  arktype: task({ name: "schema-input.arktype", input: arktypeInput }, (user) => {
    seen.push(user);
    return user.born.getUTCFullYear();
  }),
};
const valid = { email: "ada@example.com", born: "1815-12-10T00:00:00.000Z" };

describe.each(Object.entries(subjects))("with %s", (_library, subject) => {
  it("a date travels as text and arrives as a date", async () => {
    seen.length = 0;
    const result = await withBackends({ default: new ImmediateBackend() }, () =>
      subject.enqueue(valid),
    );
    expect(result.returnValue).toBe(1815);
    expect(result.args).toEqual([valid]);
    expect(seen).toEqual([{ email: "ada@example.com", born: new Date(valid.born) }]);
    expect(seen[0]?.born).toBeInstanceOf(Date);
  });

  it("input it does not accept is refused at enqueue, naming what is wrong", async () => {
    const backend = new DummyBackend();
    await withBackends({ default: backend }, async () => {
      const wrong = subject.enqueue({ ...valid, email: "nobody" });
      await expect(wrong).rejects.toThrow(InvalidTask);
      await expect(wrong).rejects.toThrow(
        `Task '${subject.name}' does not accept this input: email: `,
      );
      await expect(subject.enqueueMany([[valid], [{ ...valid, born: "?" }]])).rejects.toThrow(
        "born",
      );
    });
    expect(backend.results).toEqual([]);
  });

  it("call parses, too", async () => {
    expect(await subject.call(valid)).toBe(1815);
    await expect(subject.call({ ...valid, email: "nobody" })).rejects.toThrow(InvalidTask);
  });
});

it("takes one argument, no more and no fewer", async () => {
  const enqueue = subjects.zod.enqueue.bind(subjects.zod) as (
    ...args: unknown[]
  ) => Promise<unknown>;
  await withBackends({ default: new DummyBackend() }, async () => {
    await expect(enqueue()).rejects.toThrow(
      new InvalidTask(
        "Task 'schema-input.zod' takes one argument, which its input schema describes, not 0.",
      ),
    );
    await expect(enqueue(valid, valid)).rejects.toThrow("not 2.");
  });
});

it("input must still survive JSON", async () => {
  const loose = task({ name: "schema-input.loose", input: z.any() }, () => null);
  await withBackends({ default: new DummyBackend() }, async () => {
    await expect(loose.enqueue({ at: new Date() })).rejects.toThrow(
      "Unsupported type at args[0].at: Date",
    );
  });
});

it("comes after the context", async () => {
  const subject = task(
    { name: "schema-input.context", input: valibotInput, takesContext: true },
    (context, { born }) => [context.attempt, born.getUTCFullYear()],
  );
  const result = await withBackends({ default: new ImmediateBackend() }, () =>
    subject.enqueue(valid),
  );
  expect(result.returnValue).toEqual([1, 1815]);
});

it("checks again where the task runs: a stored input that the schema no longer accepts fails it for good", async () => {
  let limit = 100;
  const subject = task(
    {
      name: "schema-input.changed",
      input: z.number().refine((value) => value <= limit),
      maxAttempts: 5,
    },
    (value) => value,
  );
  const backend = new DummyBackend();
  using logs = collectLogs();
  await withBackends({ default: backend }, async () => {
    const result = await subject.enqueue(50);
    limit = 10;
    await backend.runReady(10);
    await result.refresh();
    expect(result).toMatchObject({ status: "FAILED", attempts: 1 });
    expect(result.errors[0]).toMatchObject({
      exceptionClass: "InvalidTask",
      message: expect.stringContaining("does not accept this input"),
    });
    expect(logs.map(({ level }) => level)).toContain("error");
  });
});
