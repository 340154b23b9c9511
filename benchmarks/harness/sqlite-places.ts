import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { Place, Places } from "./place.ts";

/** Files in fresh folders below a folder. */
export class SqlitePlaces implements Places {
  readonly #folder: string;
  readonly description: string = `SQLite ${process.versions["sqlite"] ?? ""}: everyone on a local file with WAL and synchronous NORMAL.`;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async create(template?: Place): Promise<Place> {
    const folder = await mkdtemp(join(this.#folder, "tasks-bench-"));
    const path = join(folder, "queue.db");
    if (template !== undefined) await copyFile(template.address, path);
    return new SqlitePlace(folder, path);
  }

  serverCpuUs(): number {
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class SqlitePlace implements Place {
  readonly address: string;
  readonly #folder: string;
  #db: DatabaseSync | undefined;

  constructor(folder: string, path: string) {
    this.#folder = folder;
    this.address = path;
  }

  async value(query: string): Promise<unknown> {
    const row = this.#open().prepare(query).get();
    return row === undefined ? undefined : Object.values(row)[0];
  }

  async exec(statement: string): Promise<void> {
    this.#open().exec(statement);
  }

  async settle(): Promise<void> {
    this.#open().exec("pragma wal_checkpoint(truncate)");
    this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #open(): DatabaseSync {
    if (this.#db === undefined) {
      this.#db = new DatabaseSync(this.address);
      this.#db.exec("pragma busy_timeout = 10000");
    }
    return this.#db;
  }

  #close(): void {
    this.#db?.close();
    this.#db = undefined;
  }
}
