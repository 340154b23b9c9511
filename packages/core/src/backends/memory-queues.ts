import { Heap } from "../internal/heap.ts";
import type { TaskRecord } from "../task-record.ts";

/** What waits in a queue. */
export interface Queued {
  readonly record: TaskRecord;
  /** Enqueue order. */
  readonly sequence: number;
}

/** A place in a queue; stale once its item has left or moved on. */
interface Place<Item extends Queued> {
  readonly item: Item;
  readonly dueMs: number;
}

/**
 * READY results in the order in which they run: one heap for each task name of a queue, so that
 * tasks a worker does not know cost it nothing, and one for the tasks that are due later.
 */
export class MemoryQueues<Item extends Queued> {
  /** By queue and task name. */
  readonly #ready = new Map<string, Map<string, Heap<Place<Item>>>>();
  readonly #scheduled = new Heap<Place<Item>>((a, b) => a.dueMs < b.dueMs);
  /** The one place of each item that counts. What leaves is only forgotten here, and skipped when a heap comes to it. */
  readonly #places = new Map<Item, Place<Item>>();

  /** Queues an item, or moves it to where its record now belongs. */
  place(item: Item, nowMs: number): void {
    const { runAfter, enqueuedAt } = item.record;
    const place = { item, dueMs: (runAfter ?? enqueuedAt).getTime() };
    this.#places.set(item, place);
    if (place.dueMs > nowMs) this.#scheduled.push(place);
    else this.#heapOf(item).push(place);
  }

  remove(item: Item): void {
    this.#places.delete(item);
  }

  /** Everything that waits, due or not. */
  items(): Iterable<Item> {
    return this.#places.keys();
  }

  /** When the next scheduled item is due, in milliseconds; `null` when none is scheduled. */
  nextDueMs(): number | null {
    return this.#firstCurrent(this.#scheduled)?.dueMs ?? null;
  }

  /** Makes ready what is due. */
  promoteDue(nowMs: number): void {
    for (;;) {
      const place = this.#firstCurrent(this.#scheduled);
      if (place === undefined || place.dueMs > nowMs) return;
      this.#scheduled.pop();
      this.#heapOf(place.item).push(place);
    }
  }

  /** Names of the queues that hold something ready. */
  readyQueues(): string[] {
    return [...this.#ready.keys()];
  }

  /**
   * Takes the item that runs first of these tasks in these queues. It counts as waiting until it is
   * removed.
   */
  takeFirst(queueNames: readonly string[], taskNames: ReadonlySet<string>): Item | undefined {
    let first: { place: Place<Item>; heap: Heap<Place<Item>> } | undefined;
    for (const queueName of queueNames) {
      for (const [taskName, heap] of this.#ready.get(queueName) ?? []) {
        if (!taskNames.has(taskName)) continue;
        const place = this.#firstCurrent(heap);
        if (place === undefined) continue;
        if (first === undefined || runsBefore(place, first.place)) first = { place, heap };
      }
    }
    first?.heap.pop();
    return first?.place.item;
  }

  #heapOf({ record: { queueName, taskName } }: Item): Heap<Place<Item>> {
    let queue = this.#ready.get(queueName);
    if (queue === undefined) this.#ready.set(queueName, (queue = new Map()));
    let heap = queue.get(taskName);
    if (heap === undefined) queue.set(taskName, (heap = new Heap<Place<Item>>(runsBefore)));
    return heap;
  }

  #firstCurrent(heap: Heap<Place<Item>>): Place<Item> | undefined {
    for (;;) {
      const place = heap.peek();
      if (place === undefined || this.#places.get(place.item) === place) return place;
      heap.pop();
    }
  }
}

function runsBefore(a: Place<Queued>, b: Place<Queued>): boolean {
  const byPriority = b.item.record.priority - a.item.record.priority;
  if (byPriority !== 0) return byPriority < 0;
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  return a.item.sequence < b.item.sequence;
}
