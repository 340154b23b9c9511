import type { JsonValue, TaskRecord } from "@tasks/core";
import { transitions, type ClaimedTask } from "@tasks/core/worker";

import { readArgs, readAttempts, toJob, toRecord, type Fields, type Job } from "./record.ts";

/** What a claim says of a task: queue, id, fields before the claim, and fence. */
export type ClaimedFields = readonly [queue: string, id: string, fields: Fields, fence: number];

/** A job as it was before the claim, with what the claim did to it. Decodes only what is asked for. */
export class ClaimedJob implements ClaimedTask {
  readonly id: string;
  readonly queue: string;
  readonly fence: number;
  readonly taskName: string;
  readonly #job: Job;
  readonly #workerId: string;
  readonly #nowMs: number;
  #record: TaskRecord | undefined;

  constructor([queue, id, fields, fence]: ClaimedFields, workerId: string, nowMs: number) {
    this.#job = toJob(fields);
    this.#workerId = workerId;
    this.#nowMs = nowMs;
    this.id = id;
    this.queue = queue;
    this.fence = fence;
    this.taskName = this.#job.get("name") ?? "";
  }

  get attempt(): number {
    return readAttempts(this.#job).attempts + 1;
  }

  get holdsKey(): boolean {
    return this.#job.get("uniqueScope") === "until-started";
  }

  args(): readonly JsonValue[] {
    return readArgs(this.#job);
  }

  record(): TaskRecord {
    this.#record ??= transitions.claim(
      toRecord(this.id, this.queue, this.#job),
      this.#workerId,
      new Date(this.#nowMs),
    );
    return this.#record;
  }
}
