import { createConnection, type RowDataPacket } from "mysql2/promise";
import { describe, expect, it, onTestFinished } from "vitest";

import { mysqlInsertStatements } from "../src/dialects/mysql-insert-statements.ts";
import { mysqlStatements } from "../src/dialects/mysql-statements.ts";
import { tableNames } from "../src/tables.ts";
import { createDatabases, createPool } from "./support/mariadb.ts";

const databases = createDatabases(createPool());

describe("plans on MySQL", () => {
  it("use the indexes, on an empty table and on one of mostly history", async () => {
    const { url, backend } = await databases.open();
    const statements = mysqlStatements(tableNames());
    const inserts = mysqlInsertStatements(tableNames());
    const connection = await createConnection(url);
    onTestFinished(() => connection.end());
    onTestFinished(() => backend.close());
    const phase = "tasks_results_phase";
    const waiting = "tasks_results_waiting";
    const ready = ["default", "default", "a,b", "default", "default", 10];
    const due = ["default", "default", 0, "a,b", "default", "default", 10];
    const all = ["default", 0, "a,b", "default", "other", 10];
    const cases: readonly (readonly [string, readonly (string | number)[], string])[] = [
      [statements.readyRows, ready, phase],
      [statements.dueRows, due, phase],
      [statements.allRows, all, waiting],
      [statements.firstReady, ready, phase],
      [statements.firstDue, due, phase],
      [statements.firstOfAll, all, waiting],
      [statements.betweenPlaces(2), ["default", "default", "other", -101, 0], phase],
      [statements.betweenPlacesOfAll, ["default", -101, 0], waiting],
      [statements.betweenQueues, ["default", 2, "a", "d"], phase],
      [statements.unknownDue, ["default", "default", 0, "a,b"], phase],
      [statements.unknownOfAll, ["default", 0, "default", "other", "a,b"], waiting],
      [statements.workToken, ["default", "default"], phase],
      [statements.claim(2), [1, 2, 2, "s", '"w"', '["w"]'], "PRIMARY"],
      [statements.claimed(2), [1, 2, "s"], "PRIMARY"],
      [statements.claimOne, ["s", '"w"', '["w"]', "id-1", "default", "a,b"], "tasks_results_id"],
      [statements.claimedOne, ["id-1", "s"], "tasks_results_id"],
      [statements.succeed, ['[["id-1",1,"s","1"]]'], "tasks_results_id"],
      [statements.lockRows, ['[["id-1"]]', "default"], "tasks_results_id"],
      [statements.saveRows, ['[["id-1",1,1]]', "default"], "tasks_results_id"],
      [statements.readStates, ['[["id-1"]]', "default"], "tasks_results_id"],
      [statements.readSessions, ["default", "default", "default"], phase],
      [statements.findLost, ['[["s"]]', "default", 10], phase],
      [statements.lockLost(2), [1, 2], "PRIMARY"],
      [inserts.findIds, ['[["id-1"]]', "default"], "tasks_results_id"],
      [inserts.findKeys, ['[["k"]]', "default"], "tasks_results_id"],
      [statements.findFinished(0), ["default", 4, 1, 10], phase],
      [statements.countFinished(0), ["default", 4, 1], phase],
      [statements.deleteFinished, ["[1,2]", "default", 4, 1], "PRIMARY"],
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
    for (const [sql, params] of cases.slice(0, 6)) {
      const [plan] = await connection.query<RowDataPacket[]>(`explain ${sql}`, [...params]);
      const extras = plan.map(({ Extra }) => String(Extra)).join();
      expect({ sql, extras }).not.toMatchObject({ extras: expect.stringContaining("filesort") });
    }
  }, 30_000);
});
