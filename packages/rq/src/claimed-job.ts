import type { JsonValue, TaskRecord } from "@tasks/core";
import { transitions, type ClaimedTask } from "@tasks/core/worker";

import {
  readArgs,
  readClaim,
  readWorkerIds,
  toJob,
  toRecord,
  type Fields,
  type Job,
} from "./record.ts";

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

  constructor(queue: string, id: string, fields: Fields, workerId: string, nowMs: number) {
    this.#job = toJob(fields);
    this.#workerId = workerId;
    this.#nowMs = nowMs;
    this.id = id;
    this.queue = queue;
    this.fence = readClaim(this.#job).fence + 1;
    this.taskName = this.#job.get("name") ?? "";
  }

  get attempt(): number {
    return readWorkerIds(this.#job).length + 1;
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
