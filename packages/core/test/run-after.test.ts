/// <reference lib="esnext.temporal" />
import { InvalidTask, task } from "@tasks/core";
import { expect, it } from "vitest";

const subject = task({ name: "run-after.subject" }, () => null);
const using = (runAfter: unknown) => subject.using({ runAfter: runAfter as Date });

it("keeps a date, as a copy", () => {
  const date = new Date("2030-01-01T00:00:00Z");
  const deferred = using(date);
  date.setFullYear(1999);
  expect(deferred.runAfter).toEqual(new Date("2030-01-01T00:00:00Z"));
});

it("keeps a relative time, as a frozen copy", () => {
  const relative = { minutes: 10, seconds: 0.5 };
  const deferred = using(relative);
  relative.minutes = 0;
  expect(deferred.runAfter).toEqual({ minutes: 10, seconds: 0.5 });
  expect(Object.isFrozen(deferred.runAfter)).toBe(true);
});

it("takes moments such as Temporal.Instant and Temporal.ZonedDateTime, but no time without a zone", () => {
  const instant = Temporal.Instant.from("2030-01-01T00:00:00Z");
  expect(using(instant).runAfter).toEqual(new Date("2030-01-01T00:00:00Z"));
  expect(using(instant.toZonedDateTimeISO("Europe/Rome")).runAfter).toEqual(
    new Date("2030-01-01T00:00:00Z"),
  );
  expect(() => using(Temporal.PlainDateTime.from("2030-01-01T00:00:00"))).toThrow(InvalidTask);
});

it("is reset by null", () => {
  expect(using(new Date()).using({ runAfter: null }).runAfter).toBeNull();
});

it.each([
  ["2030-01-01", 'runAfter must be a Date or an object such as { minutes: 10 }, not "2030-01-01".'],
  [1_893_456_000, "runAfter must be a Date or an object such as { minutes: 10 }, not 1893456000."],
  [{}, "runAfter must be a Date or an object such as { minutes: 10 }, not an object."],
  [[], "runAfter must be a Date or an object such as { minutes: 10 }, not an array."],
  [new Map(), "runAfter must be a Date or an object such as { minutes: 10 }, not an object."],
  [new Date(Number.NaN), "runAfter must be a Date in the years 1970 to 9999, not Invalid Date."],
  [
    new Date(-1),
    "runAfter must be a Date in the years 1970 to 9999, not 1969-12-31T23:59:59.999Z.",
  ],
  [
    new Date(8.64e15),
    "runAfter must be a Date in the years 1970 to 9999, not +275760-09-13T00:00:00.000Z.",
  ],
  [{ minutes: -1 }, "runAfter.minutes must be between 0 and 31622400000000, not -1."],
  [{ weeks: 1 }, 'runAfter does not know the option "weeks".'],
  [{ constructor: 1 }, 'runAfter does not know the option "constructor".'],
  [{ minute: 1 }, 'runAfter does not know the option "minute". Did you mean "minutes"?'],
  [{ days: Number.NaN }, "runAfter.days must be between 0 and 31622400000000, not NaN."],
  [{ hours: "1" }, 'runAfter.hours must be between 0 and 31622400000000, not "1".'],
  [{ days: 366_001 }, "runAfter must not be more than 1000 years away."],
])("refuses %j", (runAfter, message) => {
  expect(() => using(runAfter)).toThrow(InvalidTask);
  expect(() => using(runAfter)).toThrow(message);
});
