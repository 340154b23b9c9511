import {
  createId,
  type Enqueued,
  type EnqueueRequest,
  type ListOptions,
  type RecordPage,
  type TaskRecord,
} from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Stores something else than it was given, and shows what it was given: the fault is in the behaviour alone. */
export abstract class DisguisedBackend extends BrokenBackend {
  readonly #given = new Map<string, EnqueueRequest>();

  /** What is stored instead. */
  protected abstract disguise(request: EnqueueRequest): EnqueueRequest;
  /** What is shown of a record. */
  protected abstract reveal(record: TaskRecord, given: EnqueueRequest): TaskRecord;

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    return this.#shown(await super.enqueue(this.#hidden(request)));
  }

  override async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    const enqueued = await super.enqueueMany(requests.map((request) => this.#hidden(request)));
    return enqueued.map((one) => this.#shown(one));
  }

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    const record = await super.readRecord(id);
    return record && this.#revealed(record);
  }

  override async listRecords(options: ListOptions): Promise<RecordPage> {
    const page = await super.listRecords(options);
    return { ...page, records: page.records.map((record) => this.#revealed(record)) };
  }

  #hidden(request: EnqueueRequest): EnqueueRequest {
    const id = request.id ?? createId();
    this.#given.set(id, request);
    return { ...this.disguise(request), id };
  }

  #shown(enqueued: Enqueued): Enqueued {
    return { ...enqueued, record: this.#revealed(enqueued.record) };
  }

  #revealed(record: TaskRecord): TaskRecord {
    const given = this.#given.get(record.id);
    return given === undefined ? record : this.reveal(record, given);
  }
}
