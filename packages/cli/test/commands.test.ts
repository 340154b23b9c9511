import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it, vi } from "vitest";

import { createDatabaseProject } from "./helpers/database-project.ts";
import { createProject } from "./helpers/project.ts";

describe("enqueue", () => {
  it("stores a task with JSON arguments, priority, queue and delay, and prints its id", async () => {
    await using project = await createDatabaseProject();
    const { code, stdout, stderr } = await project.run([
      "enqueue",
      `${project.prefix}add`,
      "1",
      '{"deep":[true,null,"x"]}',
      "--priority=-5",
      "--queue-name=emails",
      "--run-after=1h",
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Enqueued p\d+_add as [0-9a-f]{32} \(queue emails, scheduled\)\.\n$/);
    const { results } = await project.backend.list();
    expect(results).toMatchObject([
      {
        args: [1, { deep: [true, null, "x"] }],
        priority: -5,
        queueName: "emails",
        state: "scheduled",
      },
    ]);
    const dueInMs = results[0]!.runAfter!.getTime() - project.backend.now().getTime();
    expect(dueInMs).toBeGreaterThan(3_590_000);
    expect(dueInMs).toBeLessThanOrEqual(3_600_000);
  });

  it("takes negative numbers after --", async () => {
    await using project = await createDatabaseProject();
    await project.run(["enqueue", `${project.prefix}add`, "--", "-1", "-2"]);
    expect((await project.backend.list()).results[0]?.args).toEqual([-1, -2]);
  });

  it("prints the result alone with --json", async () => {
    await using project = await createDatabaseProject();
    const { stdout, stderr } = await project.run([
      "enqueue",
      `${project.prefix}add`,
      "1",
      "2",
      "--json",
    ]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      taskName: `${project.prefix}add`,
      args: [1, 2],
      status: "READY",
    });
  });

  it("enqueues on another backend when told to", async () => {
    await using project = await createDatabaseProject();
    const { code, stdout } = await project.run([
      "enqueue",
      `${project.prefix}add`,
      "1",
      "2",
      "--backend",
      "immediate",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("(queue default, successful)");
    expect((await project.backend.list()).results).toEqual([]);
  });
});

describe("run", () => {
  it("runs one task here and prints what became of it", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2]);
    const { code, stdout } = await project.run(["run", id]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^state +successful \(SUCCESSFUL\)$/m);
    expect(stdout).toMatch(/^returned +3$/m);
  });

  it("answers 1 when the attempt failed", async () => {
    await using project = await createDatabaseProject();
    const { code, stdout, stderr } = await project.run(["run", await project.enqueue("fail")]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Attempt 1: RangeError: it does not work\n {6}at /m);
    // It is told once.
    expect(stderr).toBe("");
  });

  it("answers 1 for an id that does not exist", async () => {
    await using project = await createDatabaseProject();
    const { code, stdout, stderr } = await project.run(["run", "nothing"]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("Task result 'nothing' does not exist");
  });
});

describe("list", () => {
  it("says when there is nothing", async () => {
    await using project = await createDatabaseProject();
    expect(await project.run(["list"])).toMatchObject({ code: 0, stdout: "No results.\n" });
  });

  it("shows a table that fits 80 columns, with whole ids", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2], { queueName: "q".repeat(60) });
    const { stdout } = await project.run(["list"], {
      isTTY: true,
      columns: 80,
      env: { NO_COLOR: "1" },
    });
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ID +TASK +STATE +QUEUE +ENQUEUED$/);
    expect(lines[1]).toContain(id);
    expect(lines[1]).toMatch(/ ready +q+… +(now|\d+s ago)$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("filters by status, state, queue and task", async () => {
    await using project = await createDatabaseProject();
    const ready = await project.enqueue("add", [1, 2]);
    const scheduled = await project.enqueue("slow", [1], {
      runAfter: { hours: 1 },
      queueName: "later",
    });
    const failed = await project.enqueue("fail");
    await project.run(["run", failed]);
    const ids = async (...flags: string[]): Promise<string[]> => {
      const { stdout, stderr } = await project.run(["list", "--json", ...flags]);
      expect(stderr).toBe("");
      const page = JSON.parse(stdout) as { readonly results: readonly { readonly id: string }[] };
      return page.results.map((result) => result.id);
    };
    expect(await ids()).toEqual([failed, scheduled, ready]);
    expect(await ids("--status", "failed")).toEqual([failed]);
    expect(await ids("--state", "scheduled")).toEqual([scheduled]);
    expect(await ids("--queue-name", "later")).toEqual([scheduled]);
    expect(await ids("--task", `${project.prefix}add`)).toEqual([ready]);
  });

  it("pages with --limit and --cursor", async () => {
    await using project = await createDatabaseProject();
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) ids.unshift(await project.enqueue("add", [index, 0]));
    const first = await project.run(["list", "--limit", "2"]);
    expect(first.stdout).toContain(ids[0]!);
    expect(first.stdout).not.toContain(ids[2]!);
    const cursor = /More with --cursor (\S+)/.exec(first.stdout)![1]!;
    const second = await project.run(["list", "--limit", "2", "--cursor", cursor]);
    expect(second.stdout).toContain(ids[2]!);
    expect(second.stdout).not.toContain("More with");
  });
});

describe("show", () => {
  it("tells everything about a failed result without obeying its text", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("hostile", [], { metadata: { tenant: "a\u009Bb" } });
    await project.run(["run", id]);
    const { code, stdout } = await project.run(["show", id]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^id +${id}$`, "m"));
    expect(stdout).toMatch(/^state +failed \(FAILED\)$/m);
    expect(stdout).toContain(String.raw`{"tenant":"a\u009bb"}`);
    expect(stdout).toContain(String.raw`state=SUCCESSFUL\x1b[2J\u202e`);
    for (const obeyed of ["\u001B", "\u009B", "\u202E"]) expect(stdout).not.toContain(obeyed);
    expect(stdout).not.toMatch(/^Task id=1/m);
  });

  it("prints one JSON document with --json", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2]);
    const { stdout, stderr } = await project.run(["show", id, "--json"]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      id,
      status: "READY",
      state: "ready",
      args: [1, 2],
      logs: [],
    });
  });

  it("says of a ready task when no running worker serves its queue", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2], { queueName: "emails" });
    const show = async (): Promise<string> => (await project.run(["show", id])).stdout;
    const hint =
      "No running worker serves queue emails. Start one: tasks worker --queue-name emails";
    expect(await show()).toContain(hint);
    await project.backend.pause("emails");
    const worker = await project.backend.createWorker({ queueNames: ["default", "emails"] });
    void worker.run();
    await vi.waitFor(async () => expect(await project.backend.workers()).toHaveLength(1), {
      timeout: 20_000,
    });
    await project.backend.resume("emails");
    expect(await show()).not.toContain("No running worker");
    await worker.stop();
  });

  it("answers 1 for an id that does not exist", async () => {
    await using project = await createDatabaseProject();
    const { code, stderr } = await project.run(["show", "x\u001B[31m"]);
    expect(code).toBe(1);
    expect(stderr).toContain(String.raw`Task result 'x\x1b[31m' does not exist`);
  });
});

describe("retry", () => {
  it("makes a failed result ready again, and nothing else", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("fail");
    expect(await project.run(["retry", id])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `Task result '${id}' is READY. Only FAILED results can be retried.`,
      ),
    });
    await project.run(["run", id]);
    expect(await project.run(["retry", id])).toEqual({
      code: 0,
      stdout: `Task result ${id} is READY again.\n`,
      stderr: "",
    });
    expect(await project.backend.getResult(id)).toMatchObject({ status: "READY" });
  });
});

describe("pause and resume", () => {
  it("hold up a queue for every worker, and let it go on", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2]);
    expect(await project.run(["pause", "default"])).toEqual({
      code: 0,
      stdout: "Queue default is paused: 1 ready task waits, 0 running.\n",
      stderr: "",
    });
    expect((await project.run(["stats"])).stdout).toMatch(/^default +1 .* paused$/m);
    expect((await project.run(["list"])).stdout).toContain("blocked");
    await project.run(["worker", "--batch", "--no-startup-delay"]);
    expect(await project.backend.getResult(id)).toMatchObject({ status: "READY" });
    expect(await project.run(["resume", "default", "--json"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"paused": false'),
    });
    await project.run(["worker", "--batch", "--no-startup-delay"]);
    expect(await project.backend.getResult(id)).toMatchObject({ status: "SUCCESSFUL" });
  });

  it("names what is no queue", async () => {
    await using project = await createDatabaseProject();
    expect(await project.run(["pause", "no queue"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no queue"),
    });
  });
});

describe("cancel", () => {
  it("cancels a waiting task at once, and only once", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2]);
    expect(await project.run(["cancel", id])).toMatchObject({
      code: 0,
      stdout: `Task result ${id} is cancelled.\n`,
      // Nothing went wrong, so there is no error in the log either.
      stderr: "",
    });
    expect(await project.run(["cancel", id, "--json"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("is already FAILED; there is nothing to cancel."),
    });
  });

  it("asks a running task to stop", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("stubborn", [800]);
    const worker = project.start(["worker", "--max-tasks", "1", "--no-startup-delay"]);
    await worker.sees("state=RUNNING");
    const { stdout } = await project.run(["cancel", id, "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      id,
      cancelled: true,
      status: "RUNNING",
      state: "running",
    });
    expect(await worker.ends()).toMatchObject({ code: 0 });
    expect(worker.output()).toContain("told to stop");
    expect(await project.backend.getResult(id)).toMatchObject({
      status: "FAILED",
      state: "cancelled",
    });
  });
});

describe("stats", () => {
  it("counts results and shows queues and workers", async () => {
    await using project = await createDatabaseProject();
    await project.enqueue("add", [1, 2]);
    await project.enqueue("add", [1, 2], { queueName: "emails", runAfter: { hours: 1 } });
    const worker = project.start([
      "worker",
      "--worker-id",
      "seen",
      "--queue-name",
      "other",
      "--no-startup-delay",
    ]);
    await worker.sees("Starting worker");
    await expect.poll(async () => (await project.backend.workers()).length).toBe(1);
    const { code, stdout } = await project.run(["stats"]);
    expect(code).toBe(0);
    expect(stdout).toContain("READY 2   RUNNING 0   SUCCESSFUL 0   FAILED 0");
    expect(stdout).toMatch(/^default +1 +0 +0 +\d+m?s$/m);
    expect(stdout).toMatch(/^emails +0 +1 +0 +-$/m);
    expect(stdout).toMatch(/^seen +other +0\/10 .* alive$/m);
    const json = await project.run(["stats", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      backend: "default",
      counts: { READY: 2, RUNNING: 0, SUCCESSFUL: 0, FAILED: 0 },
      queues: expect.arrayContaining([expect.objectContaining({ name: "emails", scheduled: 1 })]),
      workers: [expect.objectContaining({ workerId: "seen", alive: true })],
    });
  });
});

describe("prune", () => {
  it("deletes finished results of every queue, and nothing else", async () => {
    await using project = await createDatabaseProject();
    const waiting = await project.enqueue("add", [1, 2]);
    for (const queueName of ["default", "other"]) {
      await project.run(["run", await project.enqueue("add", [1, 2], { queueName })]);
    }
    expect(await project.run(["prune"])).toMatchObject({
      code: 0,
      stdout: "Deleted 0 task result(s)\n",
    });
    expect(await project.run(["prune", "--min-age-days", "0", "--dry-run"])).toMatchObject({
      stdout: "Would delete 2 task result(s)\n",
    });
    expect(await project.run(["prune", "--min-age-days", "0", "--queue-name", "other"])).toEqual({
      code: 0,
      stdout: "Deleted 1 task result(s)\n",
      stderr: "",
    });
    expect(
      await project.run(["prune", "--min-age-days", "0", "--queue-name", "*", "--json"]),
    ).toMatchObject({
      stdout: '{\n  "deleted": 1\n}\n',
    });
    expect((await project.backend.list()).results.map(({ id }) => id)).toEqual([waiting]);
  });

  it("keeps failed results longer when told to", async () => {
    await using project = await createDatabaseProject();
    await project.run(["run", await project.enqueue("fail")]);
    const flags = ["prune", "--min-age-days", "0", "--failed-min-age-days"];
    expect(await project.run([...flags, "1"])).toMatchObject({
      stdout: "Deleted 0 task result(s)\n",
    });
    expect(await project.run([...flags, "0"])).toMatchObject({
      stdout: "Deleted 1 task result(s)\n",
    });
  });

  it("stops after the batch at hand when it is interrupted, and tells how far it got", async () => {
    await using project = await createDatabaseProject();
    await project.enqueueMany(
      "add",
      Array.from({ length: 2500 }, (_, index) => [index, 0]),
    );
    await project.run(["worker", "--batch", "--no-startup-delay", "-v", "0"]);
    const { code, stdout } = await project.run(["prune", "--min-age-days", "0"], {
      isTTY: true,
      onStderr: (text, send) => {
        if (text.includes("1000 of 2500")) send("SIGINT");
      },
    });
    expect(code).toBe(130);
    expect(stdout).toBe("Deleted 1000 task result(s)\n");
    expect((await project.backend.counts()).SUCCESSFUL).toBe(1500);
  });

  it("draws its progress on a terminal's stderr", async () => {
    await using project = await createDatabaseProject();
    await project.run(["run", await project.enqueue("add", [1, 2])]);
    const { stdout, stderr } = await project.run(["prune", "--min-age-days", "0"], { isTTY: true });
    expect(stdout).toBe("Deleted 1 task result(s)\n");
    expect(stderr).toContain("100%  1 of 1");
    expect(stderr.endsWith("\r\u001B[2K")).toBe(true);
  });
});

describe("check", () => {
  it("has nothing to say about a sound project", async () => {
    await using project = await createDatabaseProject();
    expect(await project.run(["check", "--json"])).toEqual({ code: 0, stdout: "[]\n", stderr: "" });
    expect((await project.run(["check"])).stdout).toMatch(
      /^No problems in 2 backends and \d+ tasks\.$/m,
    );
  });

  it("warns of schedules that nobody runs", async () => {
    await using project = await createProject({
      "tasks.config.ts": `import { configureTasks, ImmediateBackend, task } from "@tasks/core";
const nightly = task({ name: "nightly" }, () => null);
export default configureTasks({
  backends: { default: () => new ImmediateBackend() },
  schedules: [{ task: nightly, cron: "0 3 * * *" }],
});
`,
    });
    const { code, stdout } = await project.run(["check"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^warning tasks\.W001 Schedule 'nightly' enqueues nothing: backend 'default' does not support schedules\.$/m,
    );
  });

  it("prints level, id and hint of what it found, and answers 1 for an error", async () => {
    await using project = await createProject({
      "tasks.config.ts": `import { configureTasks, ImmediateBackend } from "@tasks/core";
class Broken extends ImmediateBackend {
  override async check(): Promise<never> { throw new Error("no address\\u001b[2J"); }
}
export default configureTasks({
  backends: { broken: new Broken(), default: new ImmediateBackend() },
});
`,
    });
    const { code, stdout } = await project.run(["check"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^error tasks\.E001 Backend 'broken' could not be checked: .*no address\\x1b\[2J/m,
    );
    expect(stdout).toMatch(/^ {2}hint: /m);
    expect(stdout).toMatch(/^\d+ messages? about 2 backends and/m);
  });

  it("answers 0 when there are warnings only", async () => {
    await using project = await createProject({
      "tasks.config.ts": `import { configureTasks, DummyBackend } from "@tasks/core";
class Cautious extends DummyBackend {
  override async check() {
    return [{ level: "warning" as const, id: "cautious.W001", text: "Mind the gap.", hint: null }];
  }
}
export default configureTasks({ backends: { default: new Cautious() } });
`,
    });
    const { code, stdout } = await project.run(["check"]);
    expect(code).toBe(0);
    expect(stdout).toContain("warning cautious.W001 Mind the gap.\n");
    expect(stdout).not.toContain("hint");
  });
});

describe("migrate", () => {
  const CONFIG = `import { configureTasks, DummyBackend } from "@tasks/core";
class Versioned extends DummyBackend {
  #version = 0;
  async migrate({ to = 2 }: { to?: number } = {}) {
    const steps = Array.from({ length: Math.max(0, to - this.#version) }, (_, index) => "step " + (index + 1));
    this.#version = to;
    return steps;
  }
  async planMigration({ to = 2 }: { to?: number } = {}) {
    return Array.from({ length: Math.max(0, to - this.#version) }, (_, index) => ({
      step: "step " + (index + 1),
      sql: "create table t" + (index + 1) + " (id int);\\n",
    }));
  }
}
export default configureTasks({
  backends: { default: new DummyBackend(), first: new Versioned(), second: new Versioned() },
});
`;

  it("brings every backend with a schema up to date", async () => {
    await using project = await createProject({ "tasks.config.ts": CONFIG });
    expect(await project.run(["migrate"])).toEqual({
      code: 0,
      stdout: "first: step 1\nfirst: step 2\nsecond: step 1\nsecond: step 2\n",
      stderr: "",
    });
    expect((await project.run(["migrate", "--json"])).stdout).toBe(
      `${JSON.stringify(
        [
          { backend: "first", steps: [] },
          { backend: "second", steps: [] },
        ],
        null,
        2,
      )}\n`,
    );
  });

  it("goes to a version of one backend", async () => {
    await using project = await createProject({ "tasks.config.ts": CONFIG });
    expect(await project.run(["migrate", "--backend", "second", "--to", "1"])).toMatchObject({
      stdout: "second: step 1\n",
    });
  });

  it("with --sql prints the statements that are missing, and runs none", async () => {
    await using project = await createProject({ "tasks.config.ts": CONFIG });
    const backend = ["migrate", "--backend", "first"];
    expect(await project.run([...backend, "--sql"])).toEqual({
      code: 0,
      stdout: "-- first\ncreate table t1 (id int);\ncreate table t2 (id int);\n",
      stderr: "",
    });
    expect((await project.run([...backend, "--sql", "--to", "1"])).stdout).toBe(
      "-- first\ncreate table t1 (id int);\n",
    );
    expect((await project.run(backend)).stdout).toContain("step 1");
    expect((await project.run([...backend, "--sql"])).stdout).toBe("-- first: nothing to do.\n");
  });

  it("with --dry-run names the steps that are missing, and takes none", async () => {
    await using project = await createProject({ "tasks.config.ts": CONFIG });
    const backend = ["migrate", "--backend", "first"];
    expect((await project.run([...backend, "--dry-run"])).stdout).toBe(
      "first: would take step 1\nfirst: would take step 2\n",
    );
    expect((await project.run([...backend, "--dry-run", "--json"])).stdout).toBe(
      `${JSON.stringify([{ backend: "first", steps: ["step 1", "step 2"] }], null, 2)}\n`,
    );
    expect((await project.run(backend)).stdout).toContain("step 1");
    expect((await project.run([...backend, "--dry-run"])).stdout).toBe("first: nothing to do.\n");
  });

  it("refuses --dry-run rather than migrate a backend that knows no plan", async () => {
    await using project = await createProject({
      "tasks.config.ts": CONFIG.replace("planMigration", "otherwise"),
    });
    expect(await project.run(["migrate", "--backend", "first", "--dry-run"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("cannot say what it would do") as string,
    });
    expect((await project.run(["migrate", "--backend", "first"])).stdout).toContain("step 1");
  });

  it("says when no backend has a schema", async () => {
    await using project = await createProject({
      "tasks.config.ts": CONFIG.replace(", first: new Versioned(), second: new Versioned()", ""),
    });
    expect((await project.run(["migrate"])).stdout).toBe(
      "No backend of this configuration has migrations.\n",
    );
  });

  it("prints SQL that brings a real database up to date, and down again", async () => {
    await using project = await createDatabaseProject();
    await project.backend.migrate({ to: 0 });
    const dryRun = await project.run(["migrate", "--dry-run"]);
    expect(dryRun.stdout).toBe("default: would take 1 initial\n");
    expect(await project.backend.planMigration()).toHaveLength(1);
    const database = new DatabaseSync(join(project.folder, "tasks.db"));
    database.exec((await project.run(["migrate", "--sql"])).stdout);
    expect(await project.run(["migrate", "--dry-run"])).toMatchObject({
      stdout: "default: nothing to do.\n",
    });
    database.exec(
      (await project.run(["migrate", "--backend", "default", "--to", "0", "--sql"])).stdout,
    );
    expect(await project.backend.planMigration()).toHaveLength(1);
    database.close();
  });

  it("finds nothing to do on a migrated database", async () => {
    await using project = await createDatabaseProject();
    expect(await project.run(["migrate"])).toEqual({
      code: 0,
      stdout: "default: nothing to do.\n",
      stderr: "",
    });
  });
});
