import { Host } from "../../harness/host.ts";
import type { Place } from "../../harness/place.ts";
import type { Setting } from "../scenario.ts";

/** What stands in a table beside the jobs that are measured. */
export type Kind = "finished" | "tomorrow" | "other";

/** Rows in one call while a backlog is built. */
const FILL_SIZE = 10_000;
/** Numbers the jobs of a backlog beyond any that is measured. */
const FIRST_JOB = 1_000_000_000;

/** Places with many jobs in them, built once for each contender and copied for each measurement. */
export class Backlogs implements AsyncDisposable {
  readonly #built = new Map<string, Place>();

  async get(setting: Setting, kind: Kind, size: number): Promise<Place> {
    const key = `${setting.contender.name} ${kind} ${size}`;
    const known = this.#built.get(key);
    if (known !== undefined) return known;
    const place = await build(setting, kind, size);
    this.#built.set(key, place);
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.#built.values()) await place[Symbol.asyncDispose]();
  }
}

async function build(
  { store, contender, places }: Setting,
  kind: Kind,
  size: number,
): Promise<Place> {
  const place = await places.create();
  const to = kind === "finished" ? "main" : kind;
  {
    await using host = await Host.start(store, contender, place);
    await host.call("enqueueBulk", { first: FIRST_JOB, count: size, size: FILL_SIZE, to });
  }
  if (kind === "finished") await place.exec(contender.finishAll);
  await place.settle();
  return place;
}
