/** Where progress is shown. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 30;

/** Shows how far some work is: a bar that moves in a terminal, a line for each further tenth elsewhere. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #total: number;
  #lastTenth = -1;

  constructor(stream: ProgressStream, total: number) {
    this.#stream = stream;
    this.#total = total;
  }

  show(done: number): void {
    const share = this.#total === 0 ? 1 : done / this.#total;
    const text = `${done} of ${this.#total} tasks, ${Math.floor(share * 100)} %`;
    if (this.#stream.isTTY === true) {
      const filled = Math.round(share * BAR_WIDTH);
      const line = `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${text}`;
      this.#stream.write(`\r\u001B[K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth > this.#lastTenth) this.#stream.write(`${text}\n`);
    this.#lastTenth = Math.max(tenth, this.#lastTenth);
  }

  /** Leaves the line for what follows. */
  end(): void {
    if (this.#stream.isTTY === true) this.#stream.write("\r\u001B[K");
  }
}
