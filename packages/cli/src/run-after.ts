import { InvalidArgumentError } from "commander";

const UNITS = {
  d: "days",
  h: "hours",
  m: "minutes",
  s: "seconds",
  ms: "milliseconds",
} as const;

/** A delay in the form `using({ runAfter })` takes. */
type Delay = Readonly<Partial<Record<(typeof UNITS)[keyof typeof UNITS], number>>>;

/** When a task may start: `10m`, `1h30m`, `2026-12-24T08:00:00Z`. Without a zone the time is local. */
export function parseRunAfter(text: string): Date | Delay {
  const delay = parseDelay(text.trim());
  if (delay !== undefined) return delay;
  const date = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text.trim())
    ? new Date(text.trim())
    : undefined;
  if (date === undefined || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError(
      "Give a delay such as 30s, 10m, 2h or 1d, or a date such as 2026-12-24T08:00:00Z.",
    );
  }
  return date;
}

function parseDelay(text: string): Delay | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  const delay: Partial<Record<(typeof UNITS)[keyof typeof UNITS], number>> = {};
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    const name = UNITS[unit as keyof typeof UNITS];
    delay[name] = (delay[name] ?? 0) + Number(amount);
  }
  return delay;
}
