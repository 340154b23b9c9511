/** A queue: first in, first out, at a constant cost however long it is. */
export class Fifo<Item> {
  #items: Item[] = [];
  /** Where the front is; what is before it was taken. */
  #front = 0;

  get size(): number {
    return this.#items.length - this.#front;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The front, left where it is. */
  peek(): Item | undefined {
    return this.#items[this.#front];
  }

  /** Takes the front. */
  take(): Item | undefined {
    if (this.#front === this.#items.length) return undefined;
    const item = this.#items[this.#front++];
    if (this.#front === this.#items.length) this.takeAll();
    return item;
  }

  /** Takes everything, front first. */
  takeAll(): Item[] {
    const items = this.items();
    this.#items = [];
    this.#front = 0;
    return items;
  }

  /** A copy of what is in it, front first. */
  items(): Item[] {
    return this.#items.slice(this.#front);
  }
}
