import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A database file in a fresh folder, removed with it. */
export interface TemporaryFile extends AsyncDisposable {
  readonly path: string;
}

/** A fresh file; a copy of `template` when one is given. */
export async function temporaryFile(folder: string, template?: string): Promise<TemporaryFile> {
  const parent = await mkdtemp(join(folder, "tasks-bench-"));
  const path = join(parent, "queue.db");
  if (template !== undefined) await copyFile(template, path);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

/** A look at a database from outside, by a connection that no contender knows of. */
export class Observer implements Disposable {
  readonly #db: DatabaseSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec("pragma busy_timeout = 10000");
  }

  /** The first column of the first row. */
  value(sql: string): unknown {
    const row = this.#db.prepare(sql).get();
    return row === undefined ? undefined : Object.values(row)[0];
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
