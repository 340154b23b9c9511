import { BackendUnavailable, type TaskRecord } from "@tasks/core";

import type { RedisStore, ScriptValue } from "./connection/redis-store.ts";
import {
  readClaim,
  toBullPriority,
  toFields,
  toJob,
  toRecord,
  type Claim,
  type Fields,
} from "./record.ts";
import { READ, SAVE } from "./scripts/records.ts";

/** How often a change is tried when others keep changing the same result. */
const TRIES = 20;

/** Most results that are asked for at once. */
const READ_AT_ONCE = 500;

/** How results are changed. */
interface ChangeOptions {
  readonly deadBeats?: ReadonlyMap<string, string>;
  readonly withoutArgs?: boolean;
}

/** Where a result is: its queue, "" when that is not known, and its id. */
export interface Place {
  readonly queue: string;
  readonly id: string;
}

/** A result as it was read, and what shows whether it has changed since. */
export interface Read {
  readonly record: TaskRecord;
  readonly claim: Claim;
  /** The field that the claim is in. */
  readonly status: string;
  readonly revision: string;
}

/** What is to become of a result; `undefined` leaves it as it is. */
export type Transition = (read: Read, now: Date) => TaskRecord | undefined;

/** Reads results, and changes them by core's own transitions: read, compute, store if nobody was faster. */
export class Records {
  readonly #store: RedisStore;

  constructor(store: RedisStore) {
    this.#store = store;
  }

  /** The results that exist, by their position among the places; and the time. Large arguments are left out, if so wished. */
  async read(
    places: readonly Place[],
    withoutArgs = false,
  ): Promise<{ readonly now: Date; readonly found: readonly (Read | undefined)[] }> {
    const found: (Read | undefined)[] = [];
    let now = 0;
    // One answer holds as many as are not too large together.
    while (found.length < places.length) {
      const values: ScriptValue[] = [withoutArgs ? 1 : 0];
      const wanted = places.slice(found.length, found.length + READ_AT_ONCE);
      for (const { queue, id } of wanted) values.push(queue, id);
      const [time, ...jobs] = (await this.#store.run(READ, values)) as [
        number,
        ...(readonly [string, Fields])[],
      ];
      jobs.forEach((job, index) => found.push(toRead(wanted[index]!.id, ...job)));
      now = time;
    }
    return { now: new Date(now), found };
  }

  /** The record with this id. */
  async readOne(id: string): Promise<TaskRecord | undefined> {
    const { found } = await this.read([{ queue: "", id }]);
    return found[0]?.record;
  }

  /**
   * Applies a transition to each result.
   *
   * @param how `deadBeats`: the heartbeat with which each dead session died; stores nothing for attempts of others, or of those that have renewed since.
   *   `withoutArgs`: does without large arguments, in the answer as well.
   * @returns the new records, by their position; `undefined` where there is none, or the transition left it as it is.
   */
  async change(
    places: readonly Place[],
    transition: (index: number) => Transition,
    { deadBeats, withoutArgs = false }: ChangeOptions = {},
  ): Promise<readonly (TaskRecord | undefined)[]> {
    const changed: (TaskRecord | undefined)[] = places.map(() => undefined);
    let open = places.map((_place, index) => index);
    for (let tries = 0; open.length > 0; tries++) {
      if (tries === TRIES) {
        throw new BackendUnavailable("Redis: a result changed too often to be changed.");
      }
      const wanted = open.map((index) => places[index]!);
      const { now, found } = await this.read(wanted, withoutArgs);
      const wishes = open.flatMap((index, at) => {
        const read = found[at];
        const after = read === undefined ? undefined : transition(index)(read, now);
        return read === undefined || after === undefined ? [] : [{ index, read, after }];
      });
      if (wishes.length === 0) return changed;
      const answers = await this.#save(wishes, deadBeats);
      wishes.forEach(({ index, after }, at) => {
        if (answers[at] === 1) changed[index] = after;
      });
      // A session that has renewed is an answer too.
      open =
        deadBeats !== undefined
          ? []
          : wishes.filter((_wish, at) => answers[at] !== 1).map(({ index }) => index);
    }
    return changed;
  }

  async #save(
    wishes: readonly { readonly read: Read; readonly after: TaskRecord }[],
    deadBeats: ReadonlyMap<string, string> | undefined,
  ): Promise<readonly number[]> {
    const items = wishes.map(({ read, after }) => {
      const { record, claim, status, revision } = read;
      // No session has this heartbeat.
      const beat = deadBeats === undefined ? "" : (deadBeats.get(claim.session) ?? "none");
      const fields = toFields(record, after);
      const due = (after.runAfter ?? after.enqueuedAt).getTime();
      return [
        record.queueName,
        record.id,
        status,
        revision,
        beat,
        after.status,
        toBullPriority(after.priority),
        due,
        fields.length,
        ...fields,
      ];
    });
    return this.#store.runInChunks(SAVE, items);
  }
}

function toRead(id: string, queue: string, fields: Fields): Read | undefined {
  if (fields.length === 0) return undefined;
  const job = toJob(fields);
  return {
    record: toRecord(id, queue, job),
    claim: readClaim(job),
    status: job.get("status") ?? "",
    revision: job.get("revision") ?? "",
  };
}
