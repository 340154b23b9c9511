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

/** READY results in the order in which they run: one heap for each queue, and one for everything that is due later. */
export class MemoryQueues<Item extends Queued> {
  readonly #ready = new Map<string, Heap<Place<Item>>>();
  readonly #scheduled = new Heap<Place<Item>>((a, b) => a.dueMs < b.dueMs);
  /** The one place of each item that counts. What leaves is only forgotten here, and skipped when a heap comes to it. */
  readonly #places = new Map<Item, Place<Item>>();

  /** Queues an item, or moves it to where its record now belongs. */
  place(item: Item, nowMs: number): void {
    const { runAfter, enqueuedAt } = item.record;
    const place = { item, dueMs: (runAfter ?? enqueuedAt).getTime() };
    this.#places.set(item, place);
    if (place.dueMs > nowMs) this.#scheduled.push(place);
    else this.#queueOf(item).push(place);
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
      this.#queueOf(place.item).push(place);
    }
  }

  /** Names of the queues that hold something ready. */
  readyQueues(): string[] {
    return [...this.#ready.keys()];
  }

  /** Takes the item that runs first in these queues. It counts as waiting until it is removed. */
  takeFirst(queueNames: readonly string[]): Item | undefined {
    let first: { place: Place<Item>; queue: Heap<Place<Item>> } | undefined;
    for (const queueName of queueNames) {
      const queue = this.#ready.get(queueName);
      const place = queue === undefined ? undefined : this.#firstCurrent(queue);
      if (queue === undefined || place === undefined) continue;
      if (first === undefined || runsBefore(place, first.place)) first = { place, queue };
    }
    first?.queue.pop();
    return first?.place.item;
  }

  /** Gives a taken item its place back. */
  putBack(item: Item): void {
    const place = this.#places.get(item);
    if (place !== undefined) this.#queueOf(item).push(place);
  }

  #queueOf({ record }: Item): Heap<Place<Item>> {
    let queue = this.#ready.get(record.queueName);
    if (queue === undefined) {
      queue = new Heap<Place<Item>>(runsBefore);
      this.#ready.set(record.queueName, queue);
    }
    return queue;
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
