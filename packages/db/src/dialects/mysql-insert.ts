import {
  createId,
  type Enqueued,
  type EnqueueRequest,
  type TaskRecord,
  type TasksError,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, Row, SqlValue } from "../connection.ts";
import { isDuplicateEntry } from "../connections/mysql-errors.ts";
import type { InsertOptions, InsertRequest, Scope } from "../dialect.ts";
import { toNumber, toRecord, toText } from "../rows.ts";
import { inChunks } from "./chunks.ts";
import {
  insertInOrder,
  needsLook,
  notOpen,
  type Found,
  type KeyRow,
  type Planned,
} from "./insert-plan.ts";
import { mysqlInsertStatements, type MysqlInsertStatements } from "./mysql-insert-statements.ts";
import { NOW } from "./mysql-names.ts";
import { inMysqlPortions } from "./mysql-portions.ts";
import { phaseOf } from "./values.ts";

/** Whether requests have to be stored in a transaction: a key and its task are two statements. */
export function needsTransaction(requests: readonly EnqueueRequest[], allOrNone: boolean): boolean {
  return requests.some(needsLook) || (allOrNone && requests.length > 1);
}

/** Stores requests in order, many in one statement. */
export async function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly InsertRequest[],
  options: InsertOptions,
): Promise<readonly (Enqueued | TasksError)[]> {
  const context = new InsertContext(executor, scope, options);
  return insertInOrder(
    requests,
    {
      find: (careful) => context.find(careful),
      write: (planned) => context.write(planned),
    },
    options.allOrNone,
  );
}

/** The present by the server's clock. */
export async function readNow(executor: Executor): Promise<number> {
  const [row] = await executor.query(`select ${NOW} as now`, []);
  return toNumber(row?.["now"]);
}

/** A request with the record it is to have. */
interface Stored {
  readonly position: number;
  readonly record: TaskRecord;
  readonly row: readonly SqlValue[];
}

class InsertContext {
  readonly #executor: Executor;
  readonly #scope: Scope;
  readonly #options: InsertOptions;
  readonly #statements: MysqlInsertStatements;
  /** Ids by position: a key that was taken for one names it in the next round, too. */
  readonly #ids = new Map<number, string>();
  #isLate = false;

  constructor(executor: Executor, scope: Scope, options: InsertOptions) {
    this.#executor = executor;
    this.#scope = scope;
    this.#options = options;
    this.#statements = mysqlInsertStatements(scope.tables);
  }

  async find(requests: readonly EnqueueRequest[]): Promise<Found> {
    const found = await this.#look(this.#executor, requests);
    if (!this.#isLate || this.#options.transaction === null) return found;
    // At the level of repeatable read, the transaction does not see what others have stored since it began to look.
    const committed = await this.#look(await this.#options.committed(), requests);
    return {
      byId: new Map([...committed.byId, ...found.byId]),
      byKey: new Map([...found.byKey, ...committed.byKey, ...onlyHeld(found.byKey)]),
    };
  }

  async write(planned: readonly Planned[]): Promise<ReadonlyMap<number, TaskRecord>> {
    const stored = new Map<number, TaskRecord>();
    for (const chunk of inChunks(planned)) {
      const taken = await this.#takeKeys(chunk);
      // Windows count from the moment when all keys are taken: that may have meant to wait.
      const now = await this.#present();
      const rows = taken.map((one) => this.#toRow(one, now));
      if (!(await this.#insert(rows, now))) continue;
      for (const { position, record } of rows) stored.set(position, record);
    }
    this.#isLate = stored.size < planned.length;
    return stored;
  }

  async #look(executor: Executor, requests: readonly EnqueueRequest[]): Promise<Found> {
    const { backend } = this.#scope;
    const { findIds, findKeys } = this.#statements;
    const ids = requests.map(({ id }) => id).filter((id) => id !== null);
    const byId = new Map<string, TaskRecord>();
    if (ids.length > 0) {
      const rows = await executor.query(findIds, [list([...new Set(ids)]), backend]);
      for (const row of rows) byId.set(toText(row["id"]), toRecord(row));
    }
    const names = requests.map(({ unique }) => unique?.key).filter((key) => key !== undefined);
    const byKey = new Map<string, KeyRow>();
    if (names.length > 0) {
      const rows = await executor.query(findKeys, [list([...new Set(names)]), backend]);
      for (const row of rows) byKey.set(toText(row["taken_key"]), toKeyRow(row));
    }
    return { byId, byKey };
  }

  /** The present by the server's clock. @throws InvalidTask when the caller's transaction is not open. */
  async #present(): Promise<number> {
    const [row] = await this.#executor.query(this.#statements.present, []);
    if (this.#options.transaction !== null && toNumber(row?.["is_open"]) !== 1) throw notOpen();
    return toNumber(row?.["now"]);
  }

  /** Takes the keys of requests; gives those that have theirs, and those that need none. */
  async #takeKeys(planned: readonly Planned[]): Promise<readonly Planned[]> {
    const takings = planned
      .filter(({ request }) => request.unique !== null)
      .map((one) => [one.request.unique!.key, this.#idOf(one), one.replaces] as const);
    if (takings.length === 0) return planned;
    const { backend } = this.#scope;
    const { takeKeys, takeOverKeys } = this.#ofTransaction;
    const first = takings.filter(([, , replaces]) => replaces === null);
    const others = takings.filter(([, , replaces]) => replaces !== null);
    let changed = 0;
    if (first.length > 0) {
      const sql = this.#options.isImpatient ? this.#statements.takeKeysImpatiently : takeKeys;
      changed += await this.#executor.run(sql, [backend, JSON.stringify(first)]);
    }
    if (others.length > 0) {
      changed += await this.#executor.run(takeOverKeys, [JSON.stringify(others), backend]);
    }
    // Libraries on top of the driver do not say how many rows they changed.
    if (this.#options.transaction === null && changed === takings.length) return planned;
    const names = list(takings.map(([key]) => key));
    const rows = await this.#executor.query(this.#statements.readHolders, [names, backend]);
    const holders = new Set(rows.map((row) => toText(row["holder"])));
    return planned.filter((one) => one.request.unique === null || holders.has(this.#idOf(one)));
  }

  /** `false` when one of the ids is taken: then none is stored. */
  async #insert(rows: readonly Stored[], now: number): Promise<boolean> {
    const { backend } = this.#scope;
    const { insert, insertMany } = this.#ofTransaction;
    try {
      if (rows.length === 1) {
        await this.#executor.run(insert, [backend, now, ...rows[0]!.row]);
      } else {
        for (const portion of inMysqlPortions(rows.map(({ row }) => row))) {
          await this.#executor.run(insertMany, [backend, now, JSON.stringify(portion)]);
        }
      }
    } catch (error) {
      if (isDuplicateEntry(error)) return false;
      throw error;
    }
    await this.#assertStored(rows.at(-1));
    return true;
  }

  /** The caller may have ended the transaction meanwhile; then nothing was stored. */
  async #assertStored(last: Stored | undefined): Promise<void> {
    if (this.#options.transaction === null || last === undefined) return;
    const params = [last.record.id, this.#scope.backend];
    const found = await this.#executor.query(this.#statements.hasId, params);
    if (found.length === 0) throw notOpen();
  }

  get #ofTransaction(): MysqlInsertStatements["inTransaction"] {
    return this.#options.transaction === null ? this.#statements : this.#statements.inTransaction;
  }

  #idOf({ request, position }: Planned): string {
    const id = request.id ?? this.#ids.get(position) ?? createId();
    this.#ids.set(position, id);
    return id;
  }

  /** The columns of the inserts after the first two, in their order. */
  #toRow(planned: Planned, now: number): Stored {
    const { request, position } = planned;
    const record = transitions.enqueue(request, new Date(now), this.#idOf(planned));
    const { unique } = request;
    const runAfter = record.runAfter === null ? null : record.runAfter.getTime();
    const due = runAfter ?? now;
    const row = [
      record.id,
      record.queueName,
      record.taskName,
      record.priority,
      record.maxLost,
      JSON.stringify(record.metadata),
      request.argsJson,
      phaseOf(record, due, now),
      due,
      runAfter,
      unique?.key ?? null,
      unique?.scope ?? null,
      unique?.scope === "window" ? now + unique.windowMs : null,
    ];
    return { position, record, row };
  }
}

function toKeyRow(row: Row): KeyRow {
  const isHeld = row["seq"] !== null && row["seq"] !== undefined;
  return { named: toText(row["holder"]), holder: isHeld ? toRecord(row) : undefined };
}

function onlyHeld(keys: ReadonlyMap<string, KeyRow>): Iterable<[string, KeyRow]> {
  return [...keys].filter(([, { holder }]) => holder !== undefined);
}

function list(values: readonly string[]): string {
  return JSON.stringify(values.map((value) => [value]));
}
