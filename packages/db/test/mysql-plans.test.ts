import { createConnection, type RowDataPacket } from "mysql2/promise";
import { describe, expect, it, onTestFinished } from "vitest";

import { mysqlStatements } from "../src/dialects/mysql-statements.ts";
import { tableNames } from "../src/tables.ts";
import { createDatabases, createPool } from "./support/mariadb.ts";

const databases = createDatabases(createPool());

describe("plans on MySQL", () => {
  it("use the indexes, on an empty table and on one of mostly history", async () => {
    const { url, backend } = await databases.open();
    const statements = mysqlStatements(tableNames());
    const connection = await createConnection(url);
    onTestFinished(() => connection.end());
    onTestFinished(() => backend.close());
    const phase = "tasks_results_phase";
    const cases: readonly (readonly [string, readonly (string | number)[], string])[] = [
      [
        statements.candidates(1),
        ["default", "default", "a,b", "default", "default", "default", 10],
        phase,
      ],
      [statements.isReady(2), ["default", "default", "other", "a,b"], phase],
      [statements.nextDueInMs, ["default"], phase],
      [statements.findDue, ["default", 10], phase],
      [statements.readyQueues, ["default"], phase],
      [statements.workToken, ["default", "default"], phase],
      [statements.lockReady(2), [1, 2], "PRIMARY"],
      [statements.claim(2), [1, 1, "s", '"w"', '["w"]', 1, 2], "PRIMARY"],
      [statements.succeed, ['[["id-1",1,"1"]]'], "tasks_results_id"],
      [statements.lockRow, ["id-1", "default"], "tasks_results_id"],
      [statements.readStates, ['[["id-1"]]'], "tasks_results_id"],
      [statements.findLost, ["default", "default", 10], phase],
      [statements.readUnique, ["default", "k"], "tasks_results_unique"],
      [statements.findFinished(0), ["default", 4, 1, 10], phase],
      [statements.countFinished(0), ["default", 4, 1], phase],
      [statements.deleteFinished, ["[1,2]", 4], "PRIMARY"],
    ];
    const check = async (): Promise<void> => {
      for (const [sql, params, index] of cases) {
        const [plan] = await connection.query<RowDataPacket[]>(`explain ${sql}`, [...params]);
        const steps = plan.filter(({ table }) => /results|^r$/.test(String(table)));
        const keys = steps.map(({ key }) => String(key));
        // An empty table may be known to have no such row without a look at it.
        const used = keys.includes(index) || keys.length === 0;
        expect({ sql, keys, used }).toEqual({ sql, keys, used: true });
        const scans = steps.filter(({ type }) => type === "ALL");
        expect({ sql, scans }).toEqual({ sql, scans: [] });
      }
    };
    await check();
    await connection.query(
      `insert into tasks_results (id, backend, queue_name, task_name, phase, due, enqueued_at, finished_at, session_id)
select concat('id-', seq), 'default', 'default', 'a', p, seq, seq, if(p = 4, seq, null), if(p = 3, 's', null)
from (select seq, case when seq <= 50000 then 4 when seq <= 55000 then 2 when seq <= 59990 then 1 else 3 end as p from seq_1_to_60000) r`,
    );
    await connection.query("update tasks_results set unique_key = 'k' where id = 'id-1'");
    await connection.query("analyze table tasks_results");
    await check();
    const sorted = `explain ${statements.candidates(1)}`;
    const [claim] = await connection.query<RowDataPacket[]>(sorted, [...cases[0]![1]]);
    expect(claim.map(({ Extra }) => String(Extra)).join()).not.toContain("filesort");
  }, 30_000);
});
