import { expect, it } from "vitest";

import { Signal } from "../src/signal.ts";

it("tells every receiver, in the order in which they connected", async () => {
  const told: string[] = [];
  const signal = new Signal<string>(() => {});
  signal.connect((payload) => void told.push(`first ${payload}`));
  signal.connect((payload) => void told.push(`second ${payload}`));
  await signal.send("event");
  expect(told).toEqual(["first event", "second event"]);
});

it("tells a receiver no more after it was disconnected", async () => {
  const told: number[] = [];
  const signal = new Signal<number>(() => {});
  const receiver = (payload: number) => void told.push(payload);
  const disconnect = signal.connect(receiver);
  signal.connect(receiver);
  expect(signal.hasReceivers).toBe(true);
  await signal.send(1);
  disconnect();
  disconnect();
  await signal.send(2);
  expect(told).toEqual([1, 1, 2]);
});

it("waits for async receivers, one after the other", async () => {
  const told: string[] = [];
  const signal = new Signal<null>(() => {});
  signal.connect(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    told.push("slow");
  });
  signal.connect(() => void told.push("fast"));
  await signal.send(null);
  expect(told).toEqual(["slow", "fast"]);
});

it("reports a receiver that throws or rejects, and tells the others all the same", async () => {
  const errors: unknown[] = [];
  const told: string[] = [];
  const signal = new Signal<null>((error) => errors.push(error));
  signal.connect(() => {
    throw new Error("thrown");
  });
  signal.connect(async () => Promise.reject(new Error("rejected")));
  signal.connect(() => void told.push("last"));
  await signal.send(null);
  expect(errors).toEqual([new Error("thrown"), new Error("rejected")]);
  expect(told).toEqual(["last"]);
});

it("does not tell a receiver of the event during which it connected", async () => {
  const signal = new Signal<null>(() => {});
  let late = 0;
  signal.connect(() => void signal.connect(() => void late++));
  await signal.send(null);
  expect(late).toBe(0);
  await signal.send(null);
  expect(late).toBe(1);
});
