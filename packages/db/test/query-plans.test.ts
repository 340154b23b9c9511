import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, it } from "vitest";

import { sqliteMigrations } from "../src/dialects/sqlite-migrations.ts";
import { sqliteStatements } from "../src/dialects/sqlite-statements.ts";
import { tableNames } from "../src/tables.ts";

const tables = tableNames();
const statements = sqliteStatements(tables);
const database = new DatabaseSync(":memory:");
for (const { up } of sqliteMigrations(tables)) for (const sql of up) database.exec(sql);

// Statistics of a table that is mostly history, as a nightly `analyze` would find it.
const insert = database.prepare(
  `insert into tasks_results (id_tail, backend, queue_name, task_name, phase, due, enqueued_at, finished_at, session_id) values (?, 'default', 'default', 'a', ?, ?, ?, ?, ?)`,
);
database.exec("begin");
for (let row = 0; row < 6000; row++) {
  const phase = row < 5000 ? 4 : row < 5500 ? 2 : row < 5990 ? 1 : 3;
  insert.run(`tail-${row}`, phase, row, row, phase === 4 ? row : null, phase === 3 ? "s" : null);
}
database.exec("commit; analyze");
afterAll(() => database.close());

function planOf(sql: string): string[] {
  return database
    .prepare(`explain query plan ${sql}`)
    .all()
    .map((row) => String(row["detail"]));
}

describe("plans", () => {
  it.each([
    [1, "tasks_results_ready"],
    [2, "tasks_results_scheduled"],
    [3, "tasks_results_running"],
    [5, "tasks_results_failed"],
  ])("use an index to list the newest rows of phase %i", (phase, index) => {
    const plan = planOf(
      `select id from tasks_results where backend = ? and phase = ${phase} order by seq desc limit 51`,
    );
    expect(plan.join("\n")).toContain(index);
  });

  it.each([
    ["claim of one queue", statements.claimQueue.sql, "tasks_results_ready"],
    ["claim of several queues", statements.claimQueues.sql, "tasks_results_ready"],
    ["claim of due rows", statements.ofQueues.claim.sql, "tasks_results_scheduled_queue"],
    ["claim of due rows of all queues", statements.ofAll.claim.sql, "tasks_results_scheduled "],
    ["claim by id", statements.claimOne.sql, "INTEGER PRIMARY KEY"],
    ["queues with ready rows", statements.ofQueues.readyQueues.sql, "tasks_results_ready"],
    ["queues of all with ready rows", statements.ofAll.readyQueues.sql, "tasks_results_ready"],
    ["queues with scheduled rows", statements.scheduledQueues.sql, "tasks_results_scheduled_queue"],
    ["unknown tasks", statements.ofQueues.unknownReady.sql, "tasks_results_ready"],
    ["unknown due tasks", statements.ofQueues.unknownDue.sql, "tasks_results_scheduled_queue"],
    ["search for due rows", statements.ofQueues.hasDue.sql, "tasks_results_scheduled_queue"],
    ["search for due rows of all", statements.ofAll.hasDue.sql, "tasks_results_scheduled "],
    ["next due row", statements.ofQueues.nextDue.sql, "tasks_results_scheduled_queue"],
    ["next due row of all", statements.ofAll.nextDue.sql, "tasks_results_scheduled "],
    ["success", statements.succeed, "INTEGER PRIMARY KEY"],
    ["row by id", statements.readRows, "INTEGER PRIMARY KEY"],
    ["save of a row", statements.saveRow, "INTEGER PRIMARY KEY"],
    ["states of rows", statements.readStates, "INTEGER PRIMARY KEY"],
    ["holder of a unique key", statements.readHolder, "PRIMARY KEY"],
    ["keys of deleted rows", statements.deleteKeys, "tasks_unique_keys_holder"],
    ["sessions", statements.readSessions, "tasks_results_running"],
    ["lost attempts", statements.readLost, "tasks_results_running"],
    ["prune", statements.deleteFinished, "tasks_results_finished"],
    ["prune of queues", statements.deleteFinishedOf, "tasks_results_finished"],
    ["count to prune", statements.countFinished, "tasks_results_finished"],
  ])("use an index for the %s", (_what, sql, index) => {
    const plan = planOf(sql);
    expect(plan.join(" \n")).toContain(index);
    expect(plan.filter((step) => step.startsWith("SCAN tasks_"))).toEqual([]);
  });

  it.each([
    ["claim", statements.claimQueue.sql],
    ["search for due rows", statements.ofQueues.hasDue.sql],
    ["search for due rows of all", statements.ofAll.hasDue.sql],
    ["next due row", statements.ofQueues.nextDue.sql],
    ["prune", statements.deleteFinished],
  ])("sort nothing for the %s", (_what, sql) => {
    expect(planOf(sql).filter((step) => step.includes("TEMP B-TREE"))).toEqual([]);
  });
});
