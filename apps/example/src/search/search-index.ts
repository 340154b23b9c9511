import { mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

import type { FoundFile } from "../documents/find-documents.ts";
import type { ParsedDocument } from "../documents/parse-markdown.ts";
import { databaseFile } from "../places.ts";
import { IN_FOLDER, within } from "./in-folder.ts";
import { SCHEMA } from "./schema.ts";

/** A document that matches a search. */
export interface Hit {
  readonly path: string;
  readonly title: string;
  /** The best passage, with the words found in [brackets]. */
  readonly passage: string;
}

/** The documents and what can be found in them. */
export class SearchIndex implements Disposable {
  /** For statements of the application's own, and for enqueueing in its transactions. */
  readonly database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.database = database;
  }

  /**
   * Opens the index, and creates it if need be.
   *
   * @param patienceMs how long a statement waits for another process to finish writing. Waiting blocks the event loop.
   */
  static open(patienceMs: number): SearchIndex {
    mkdirSync(dirname(databaseFile), { recursive: true });
    const database = new DatabaseSync(databaseFile, { timeout: patienceMs });
    database.exec("pragma journal_mode = wal; pragma synchronous = normal;");
    const index = new SearchIndex(database);
    if (index.#one("select 1 from sqlite_schema where name = 'statistics'") === undefined) {
      index.#atomically(() => database.exec(SCHEMA));
    }
    return index;
  }

  [Symbol.dispose](): void {
    this.database.close();
  }

  /** Tells whether a file has to be indexed: it is new, it has changed, or nobody has come to it yet. */
  needs({ path, size, modifiedMs }: FoundFile): boolean {
    const row = this.#one("select size, modified_ms, state from documents where path = ?", path);
    return row?.["size"] !== size || row["modified_ms"] !== modifiedMs || row["state"] === "queued";
  }

  /** Runs `work` in a transaction. */
  async inTransaction<T>(work: () => Promise<T>): Promise<T> {
    this.database.exec("begin immediate");
    try {
      const result = await work();
      this.database.exec("commit");
      return result;
    } catch (error) {
      if (this.database.isTransaction) this.database.exec("rollback");
      throw error;
    }
  }

  /** Notes that a file waits to be indexed, and by which task, if that is known. */
  addQueued({ path, size, modifiedMs }: FoundFile, taskId = ""): void {
    this.#run(
      `insert into documents (path, size, modified_ms, task_id) values (?, ?, ?, ?)
       on conflict (path) do update set size = excluded.size, modified_ms = excluded.modified_ms,
         task_id = excluded.task_id, state = 'queued'`,
      path,
      size,
      modifiedMs,
      taskId,
    );
  }

  /** Notes which task indexes a file that was added before. */
  noteTask(path: string, taskId: string): void {
    this.#run("update documents set task_id = ? where path = ?", taskId, path);
  }

  /** Stores a document, in place of what was known of it. All of it or nothing: a task may be killed in the middle, and runs again. */
  store(path: string, document: ParsedDocument): void {
    this.#atomically(() => {
      const title = document.title ?? basename(path, ".md");
      const id = this.#clear(path);
      this.#run(
        "update documents set state = 'indexed', problem = null, title = ?, words = ? where id = ?",
        title,
        document.words,
        id,
      );
      this.#run(
        "insert into document_text (rowid, title, body) values (?, ?, ?)",
        id,
        title,
        document.body,
      );
      for (const target of document.links) {
        this.#run("insert into links (document_id, target) values (?, ?)", id, target);
      }
    });
  }

  /** Notes that a file cannot be indexed as it is. */
  storeProblem(path: string, problem: string): void {
    this.#atomically(() => {
      const id = this.#clear(path);
      this.#run("update documents set state = 'broken', problem = ? where id = ?", problem, id);
    });
  }

  /** Forgets the documents of a folder whose files are gone, and says how many. */
  removeMissing(folder: string, files: readonly FoundFile[]): number {
    const present = new Set(files.map(({ path }) => path));
    const missing = this.#rows(
      `select id, path from documents where ${IN_FOLDER}`,
      within(folder),
    ).filter(({ path }) => !present.has(path as string));
    for (const { id } of missing) {
      this.#run("delete from document_text where rowid = ?", id!);
      this.#run("delete from documents where id = ?", id!);
    }
    return missing.length;
  }

  /** Ids of the tasks that documents of a folder still wait for. */
  awaitedTasks(folder: string): readonly string[] {
    return this.#rows(
      `select task_id from documents where state = 'queued' and ${IN_FOLDER}`,
      within(folder),
    ).map((row) => row["task_id"] as string);
  }

  /** The best matches for some words, all of which a document must hold; in a folder, or anywhere. */
  search(words: string, limit: number, folder?: string): readonly Hit[] {
    // Quoted, because the words are a user's and not a query.
    const quoted = words
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => `"${word.replaceAll('"', '""')}"`);
    if (quoted.length === 0) return [];
    return this.#rows(
      `select documents.path, documents.title, snippet(document_text, 1, '[', ']', ' … ', 12) as passage
       from document_text join documents on documents.id = document_text.rowid
       where document_text match $query and ($folder is null or ${IN_FOLDER})
       order by bm25(document_text, 10, 1), documents.path limit $limit`,
      {
        folder: null,
        ...(folder === undefined ? {} : within(folder)),
        query: quoted.join(" "),
        limit,
      },
    ) as unknown as readonly Hit[];
  }

  /** Removes everything but a document's own row, which is made if there is none, and gives its id. */
  #clear(path: string): number {
    this.#run("insert into documents (path) values (?) on conflict do nothing", path);
    const id = Number(this.#one("select id from documents where path = ?", path)?.["id"]);
    this.#run("delete from document_text where rowid = ?", id);
    this.#run("delete from links where document_id = ?", id);
    return id;
  }

  #atomically(work: () => void): void {
    this.database.exec("begin immediate");
    try {
      work();
      this.database.exec("commit");
    } catch (error) {
      if (this.database.isTransaction) this.database.exec("rollback");
      throw error;
    }
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.database.prepare(sql).run(...values);
  }

  #one(sql: string, ...values: SQLInputValue[]): Record<string, SQLInputValue> | undefined {
    return this.database.prepare(sql).get(...values) as Record<string, SQLInputValue> | undefined;
  }

  #rows(
    sql: string,
    named: Record<string, SQLInputValue>,
  ): readonly Record<string, SQLInputValue>[] {
    return this.database.prepare(sql).all(named) as Record<string, SQLInputValue>[];
  }
}
