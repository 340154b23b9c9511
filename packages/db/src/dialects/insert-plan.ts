import {
  DuplicateTask,
  InvalidTask,
  TasksError,
  type Enqueued,
  type EnqueueRequest,
  type TaskRecord,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { InsertRequest } from "../dialect.ts";

/** What a store holds under the given ids and the unique keys of some requests. */
export interface Found {
  /** Results by their ids. */
  readonly byId: ReadonlyMap<string, TaskRecord>;
  readonly byKey: ReadonlyMap<string, KeyRow>;
}

/** One row of the table of unique keys. */
export interface KeyRow {
  /** The result it names: its id or number, as the database has it. */
  readonly named: string | number;
  /** That result, while it holds the key; `undefined` when the key is free. */
  readonly holder: TaskRecord | undefined;
}

/** A request to be stored. */
export interface Planned {
  readonly request: InsertRequest;
  /** Its place among the requests of the call. */
  readonly position: number;
  /** What the row of its key names, to be replaced; `null` when there is no row. */
  readonly replaces: string | number | null;
}

/** How one database looks up and stores. */
export interface InsertSteps {
  /** Reads what is committed, and what this transaction has written, at this moment. */
  find(requests: readonly EnqueueRequest[]): Promise<Found>;
  /**
   * Stores requests in order, and with each its key, unless the id or key was taken since `find`. Resolves with the records stored, by position; those
   * missing were too late.
   */
  write(planned: readonly Planned[]): Promise<ReadonlyMap<number, TaskRecord>>;
}

type Answer = Enqueued | TasksError;

/**
 * Stores requests in order. Ids and keys are looked up first, so that no lock is taken on what is there already; whoever was too late looks again.
 *
 * @param allOrNone stores nothing when the first look shows that a request is refused; its error is among the answers.
 */
export async function insertInOrder(
  requests: readonly InsertRequest[],
  steps: InsertSteps,
  allOrNone: boolean,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let open = requests.map((_request, position) => position);
  while (open.length > 0) {
    const careful = open.map((position) => requests[position]!).filter(needsLook);
    const found = careful.length === 0 ? NOTHING : await steps.find(careful);
    const plan = new Plan(found);
    for (const position of open) {
      const request = requests[position]!;
      const answer = plan.answer(request) ?? plan.add(request, position);
      if (answer !== undefined) answers[position] = answer;
    }
    const refused = allOrNone ? open.find((position) => isRefusal(answers[position])) : undefined;
    if (refused !== undefined) return [answers[refused]!];
    for (const [position, twin] of allOrNone ? plan.twins : []) {
      const record = transitions.enqueue(requests[twin]!, new Date());
      const answer = duplicateOf(record, requests[position]!);
      if (isRefusal(answer)) return [answer];
    }
    const stored = plan.planned.length === 0 ? NONE : await steps.write(plan.planned);
    for (const [position, record] of stored) {
      answers[position] = { record, deduplicated: false };
    }
    for (const [position, twin] of plan.twins) {
      const record = stored.get(twin);
      if (record !== undefined) answers[position] = duplicateOf(record, requests[position]!);
    }
    open = open.filter((position) => answers[position] === undefined);
  }
  return answers;
}

/** Whether a request may be answered with a result that is there. */
export function needsLook({ id, unique }: EnqueueRequest): boolean {
  return id !== null || unique !== null;
}

/** The answer to a request that stores nothing, because `record` has its id or key. */
export function duplicateOf(record: TaskRecord, request: InsertRequest): Answer {
  if (record.id === request.id) {
    return request.mustBeNew === true
      ? new InvalidTask(`The id '${record.id}' is taken; idFunction must never return it twice.`)
      : { record, deduplicated: true };
  }
  return request.unique?.onConflict === "reject"
    ? new DuplicateTask(request.taskName, record.id)
    : { record, deduplicated: true };
}

/** The error for a transaction of the caller's in which nothing can be stored. */
export function notOpen(cause?: unknown): InvalidTask {
  return new InvalidTask(
    "The transaction given is not open: it has not begun, or it is over. Nothing was stored.",
    { cause },
  );
}

const NOTHING: Found = { byId: new Map(), byKey: new Map() };
const NONE: ReadonlyMap<number, TaskRecord> = new Map();

/** One round: what is answered at once, what is to be stored, and what waits for a request before it that has its id or key. */
class Plan {
  readonly planned: Planned[] = [];
  /** Position of a request, and of the one before it. */
  readonly twins: (readonly [position: number, twin: number])[] = [];
  readonly #found: Found;
  readonly #byId = new Map<string, number>();
  readonly #byKey = new Map<string, number>();

  constructor(found: Found) {
    this.#found = found;
  }

  answer(request: InsertRequest): Answer | undefined {
    const { id, unique } = request;
    const existing =
      (id === null ? undefined : this.#found.byId.get(id)) ??
      (unique === null ? undefined : this.#found.byKey.get(unique.key)?.holder);
    return existing === undefined ? undefined : duplicateOf(existing, request);
  }

  add(request: InsertRequest, position: number): undefined {
    const { id, unique } = request;
    const key = unique?.key ?? null;
    const twin =
      (id === null ? undefined : this.#byId.get(id)) ??
      (key === null ? undefined : this.#byKey.get(key));
    if (twin !== undefined) {
      this.twins.push([position, twin]);
      return;
    }
    if (id !== null) this.#byId.set(id, position);
    if (key !== null) this.#byKey.set(key, position);
    const replaces = key === null ? null : (this.#found.byKey.get(key)?.named ?? null);
    this.planned.push({ request, position, replaces });
  }
}

function isRefusal(answer: Answer | undefined): boolean {
  return TasksError.is(answer);
}
