import { InvalidArgumentError, Option } from "commander";

/**
 * What option values must look like. Each function turns the text of one option into its value.
 *
 * @throws InvalidArgumentError saying what would be accepted.
 */
export function parseInterval(text: string): number {
  return parseSeconds(text, "Must be a finite floating point value");
}

/** Seconds as milliseconds: 0…86,400 s. */
export function parseSeconds(text: string, notANumber = "Must be a number of seconds"): number {
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(seconds)) throw new InvalidArgumentError(`${notANumber}.`);
  if (seconds < 0) throw new InvalidArgumentError("Must be greater than zero.");
  if (seconds > 86_400) throw new InvalidArgumentError("Must be at most 86400 (one day).");
  return Math.round(seconds * 1000);
}

/** Days, as milliseconds; fractions are fine. */
export function parseDays(text: string): number {
  const days = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(days)) throw new InvalidArgumentError("Must be a number of days.");
  if (days < 0) throw new InvalidArgumentError("Must be greater than zero.");
  return Math.round(days * 86_400_000);
}

/** A whole number from 1. */
export function parsePositive(text: string): number {
  const number = parseWhole(text);
  if (number < 1) throw new InvalidArgumentError("Must be greater than zero.");
  return number;
}

/** A whole number from 1 to `highest`. */
export function parseAtMost(highest: number): (text: string) => number {
  return (text) => {
    const number = parsePositive(text);
    if (number > highest) throw new InvalidArgumentError(`Must be at most ${highest}.`);
    return number;
  };
}

/** A whole number. */
export function parseWhole(text: string): number {
  const number = /^[+-]?\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw new InvalidArgumentError("Must be a whole number.");
  return number;
}

/** A comma list of queue names. */
export function parseQueues(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) throw new InvalidArgumentError("Queue names must not be empty.");
  return [...new Set(names)];
}

/** A worker's name. */
export function parseWorkerId(text: string): string {
  if (text === "") throw new InvalidArgumentError("Worker id must not be empty.");
  if (text.length > 64) {
    throw new InvalidArgumentError("Worker ids must be shorter than 64 characters.");
  }
  return text;
}

/** One of some words, in upper or lower case. */
export function parseChoice<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw new InvalidArgumentError(`Choose one of ${words.join(", ")}.`);
    return found;
  };
}

/** `--backend`, for commands that work on one backend. */
export function backendOption(): Option {
  return new Option("--backend <alias>", "backend of the configuration to use").default("default");
}

/** `--json`, for commands that print data. */
export function jsonOption(): Option {
  return new Option("--json", "print one JSON document instead of text");
}
