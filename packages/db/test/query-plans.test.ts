import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, it } from "vitest";

import { sqliteMigrations } from "../src/dialects/sqlite-migrations.ts";
import { claimStatement, sqliteStatements } from "../src/dialects/sqlite-statements.ts";
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
    ["claim of one queue", claimStatement(tables, 1), "tasks_results_ready"],
    ["claim of three queues", claimStatement(tables, 3), "tasks_results_ready"],
    ["claim by id", statements.claimOne, "INTEGER PRIMARY KEY"],
    ["head of a queue", statements.head, "tasks_results_ready"],
    ["queues with ready rows", statements.readyQueues, "tasks_results_ready"],
    ["unknown tasks", statements.unknownTasks, "tasks_results_ready"],
    ["look for due rows", statements.hasDue, "tasks_results_scheduled"],
    ["next due row", statements.nextScheduled, "tasks_results_scheduled"],
    ["promotion", statements.promote, "tasks_results_scheduled"],
    ["success", statements.succeed, "INTEGER PRIMARY KEY"],
    ["row by id", statements.readRow, "INTEGER PRIMARY KEY"],
    ["save of a row", statements.saveRow, "INTEGER PRIMARY KEY"],
    ["states of rows", statements.readStates, "INTEGER PRIMARY KEY"],
    ["holder of a unique key", statements.readUnique, "tasks_results_unique"],
    ["end of a window", statements.releaseWindow, "tasks_results_unique"],
    ["lost attempts", statements.findLost, "tasks_results_running"],
    ["prune", statements.deleteFinished, "tasks_results_finished"],
    ["prune of queues", statements.deleteFinishedOf, "tasks_results_finished"],
    ["count to prune", statements.countFinished, "tasks_results_finished"],
  ])("use an index for the %s", (_what, sql, index) => {
    const plan = planOf(sql);
    expect(plan.join("\n")).toContain(index);
    expect(plan.filter((step) => step.startsWith("SCAN tasks_"))).toEqual([]);
  });

  it.each([
    ["claim", claimStatement(tables, 1)],
    ["head", statements.head],
    ["prune", statements.deleteFinished],
  ])("sort nothing for the %s", (_what, sql) => {
    expect(planOf(sql).filter((step) => step.includes("TEMP B-TREE"))).toEqual([]);
  });
});
