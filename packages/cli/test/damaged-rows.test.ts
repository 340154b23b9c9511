import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect, it } from "vitest";

import { createDatabaseProject } from "./helpers/database-project.ts";

/** What somebody may do to a row, as SQL. */
const DAMAGE: readonly string[] = [
  "args = '{nonsense'",
  "metadata = '[1]'",
  `metadata = '{"__proto__": {"a": 1}}'`,
  "errors = '[1, null, {}]', phase = 5",
  `errors = '[{"attempt": 1, "message": 7, "occurredAt": "never"}]', phase = 5`,
  "worker_ids = '{nonsense'",
  "worker_ids = '[1, null, {}]'",
  "logs = '{nonsense'",
  `logs = '[{"message": {}, "loggedAt": 1e99}]'`,
  "progress = '{nonsense'",
  "return_value = '{nonsense', phase = 4",
  "phase = 9",
  "phase = 4, finished_at = null",
  "phase = 5, finished_at = 9223372036854775807",
  "due = 9223372036854775807, run_after = 9223372036854775807, phase = 2",
  "run_after = 8640000000000001, phase = 2",
  "enqueued_at = -9223372036854775807",
  "started_at = 9223372036854775807, last_attempted_at = -1, phase = 3",
  "failures = 9223372036854775807, lost = -5",
  "task_name = ''",
  "queue_name = ''",
  "queue_name = char(27) || '[2J'",
];

it("damaged rows are listed and shown", async () => {
  await using project = await createDatabaseProject();
  const ids: string[] = [];
  for (const change of DAMAGE) {
    const id = await project.enqueue("add", [1, 2]);
    ids.push(id);
    const database = new DatabaseSync(join(project.folder, "tasks.db"));
    const { changes } = database.prepare(`update tasks_results set ${change} where id = ?`).run(id);
    database.close();
    expect([change, Number(changes)]).toEqual([change, 1]);
  }
  const list = await project.run(["list", "--limit", "100"]);
  expect(list).toMatchObject({ code: 0, stderr: "" });
  const json = await project.run(["list", "--limit", "100", "--json"]);
  expect(json).toMatchObject({ code: 0, stderr: "" });
  const { results } = JSON.parse(json.stdout) as { readonly results: readonly { id: string }[] };
  expect(results.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  for (const [index, id] of ids.entries()) {
    expect(list.stdout).toContain(id);
    for (const flags of [[], ["--json"]]) {
      const { code, stdout, stderr } = await project.run(["show", id, ...flags]);
      expect([DAMAGE[index], code, stderr]).toEqual([DAMAGE[index], 0, ""]);
      expect(stdout).toContain(id);
    }
  }
  for (const command of [["stats"], ["stats", "--json"]]) {
    expect(await project.run(command)).toMatchObject({ code: 0, stderr: "" });
  }
}, 60_000);
