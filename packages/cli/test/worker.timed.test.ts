import { describe, expect, it } from "vitest";

import { createDatabaseProject } from "./helpers/database-project.ts";

const NOW = ["--no-startup-delay", "--interval", "0.05"];

describe("a worker", () => {
  it("with --batch runs what is ready, says so in four lines, and ends", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("add", [1, 2]);
    const { code, stdout, stderr } = await project.run([
      "worker",
      "--batch",
      ...NOW,
      "--worker-id",
      "w1",
    ]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    const path = `${project.prefix}add`;
    expect(stdout.trimEnd().split("\n")).toEqual([
      "Starting worker worker_id=w1 queues=default",
      `Task id=${id} path=${path} state=RUNNING`,
      `Task id=${id} path=${path} state=SUCCESSFUL`,
      "No more tasks to run for worker_id=w1 - exiting gracefully.",
    ]);
    expect((await project.backend.getResult(id)).returnValue).toBe(3);
  });

  it("says at its start which registered tasks it does not serve", async () => {
    await using project = await createDatabaseProject();
    await project.write({
      "tasks.config.ts": `import { configureTasks, task } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
task({ name: "${project.prefix}mail", queueName: "emails" }, () => null);
export default configureTasks({
  backends: { default: () => new DatabaseBackend({ url: "sqlite:" + import.meta.dirname + "/tasks.db", queues: [] }) },
});
`,
    });
    const remark = `This worker does not serve ${project.prefix}mail (emails). Another one must, such as: tasks worker --queue-name emails`;
    const run = async (queues: string): Promise<string> => {
      const command = project.start(["worker", "--batch", ...NOW, "--queue-name", queues]);
      expect(await command.ends()).toMatchObject({ code: 0 });
      return command.output();
    };
    expect(await run("default")).toContain(remark);
    expect(await run("*")).not.toContain("does not serve");
  });

  it("with --max-tasks ends after so many, failed ones included", async () => {
    await using project = await createDatabaseProject();
    for (let index = 0; index < 3; index++) await project.enqueue("fail");
    await project.enqueue("add", [1, 2]);
    const { code, stdout } = await project.run([
      "worker",
      "--max-tasks",
      "2",
      ...NOW,
      "--worker-id",
      "w2",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("Run maximum tasks (2) on worker=w2 - exiting gracefully.");
    expect(await project.backend.counts()).toEqual({
      READY: 2,
      RUNNING: 0,
      SUCCESSFUL: 0,
      FAILED: 2,
    });
  });

  it("deletes old results meanwhile when it is told their age, and only then", async () => {
    await using project = await createDatabaseProject();
    await project.enqueue("add", [1, 2]);
    await project.enqueue("fail");
    await project.run(["worker", "--batch", ...NOW]);
    expect(await project.backend.counts()).toMatchObject({ SUCCESSFUL: 1, FAILED: 1 });
    const ages = ["--prune-min-age-days", "0", "--prune-failed-min-age-days", "1"];
    const { code, stdout } = await project.run([
      "worker",
      "--batch",
      ...NOW,
      "--worker-id",
      "w3",
      ...ages,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("Worker w3 deleted 1 old task result(s).");
    expect(await project.backend.counts()).toMatchObject({ SUCCESSFUL: 0, FAILED: 1 });
  });

  it("serves the queues it is given, and all but the excluded ones with *", async () => {
    await using project = await createDatabaseProject();
    const ids: Record<string, string> = {};
    for (const queueName of ["default", "one", "two", "three"]) {
      ids[queueName] = await project.enqueue("add", [1, 2], { queueName });
    }
    const statuses = async (): Promise<string[]> =>
      Promise.all(["default", "one", "two", "three"].map((name) => project.statusOf(ids[name]!)));
    await project.run(["worker", "--batch", ...NOW, "--queue-name", "one"]);
    expect(await statuses()).toEqual(["READY", "SUCCESSFUL", "READY", "READY"]);
    const command = project.start([
      "worker",
      "--batch",
      ...NOW,
      "--queue-name=*",
      "--exclude-queues",
      "three,unknown",
    ]);
    expect(await command.ends()).toMatchObject({ code: 0 });
    expect(command.output()).toContain("queues=* exclude_queues=three,unknown");
    expect(await statuses()).toEqual(["SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL", "READY"]);
  });

  it("is silent at verbosity 0 while nothing fails", async () => {
    await using project = await createDatabaseProject();
    await project.enqueue("add", [1, 2]);
    expect(await project.run(["worker", "--batch", ...NOW, "-v", "0"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("keeps a hostile error on indented lines without control characters", async () => {
    await using project = await createDatabaseProject();
    await project.enqueue("hostile");
    const { stdout } = await project.run(["worker", "--batch", ...NOW]);
    expect(stdout).toContain(String.raw`Task id=1 path=x state=SUCCESSFUL\x1b[2J\u202e`);
    expect(stdout).not.toMatch(/^Task id=1 /m);
    expect(stdout).not.toContain("\u001B");
    expect(stdout).toMatch(/^ {4}\s+at /m);
  });

  it("with --json writes one object per line", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("hostile");
    const { stdout } = await project.run(["worker", "--batch", ...NOW, "--json"]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(lines.map(({ level }) => level)).toEqual(["info", "info", "error", "info"]);
    expect(lines[2]).toMatchObject({
      taskId: id,
      message: expect.stringMatching(/state=FAILED$/),
      error: expect.stringMatching(/^\w*Error: [\s\S]*\n {4}at /),
    });
    expect(new Date(lines[0]!["time"]!).getTime()).toBeGreaterThan(0);
  });

  it("survives a promise that a task forgot", async () => {
    await using project = await createDatabaseProject();
    const ids = [await project.enqueue("stray"), await project.enqueue("add", [1, 2])];
    const command = project.start(["worker", "--batch", ...NOW]);
    expect(await command.ends()).toMatchObject({ code: 0 });
    expect(command.output()).toContain("A promise was rejected and nobody handled it.");
    expect(command.output()).toContain("nobody waits for me");
    expect(await Promise.all(ids.map((id) => project.statusOf(id)))).toEqual([
      "SUCCESSFUL",
      "SUCCESSFUL",
    ]);
  });

  it("finishes its tasks and answers 1 after an exception nobody caught", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("crash");
    const command = project.start(["worker", ...NOW]);
    expect(await command.ends()).toMatchObject({ code: 1 });
    expect(command.output()).toContain("thrown from a timer");
    expect(await project.statusOf(id)).toBe("SUCCESSFUL");
  });

  it("warns that --watch and --batch exclude each other", async () => {
    await using project = await createDatabaseProject();
    const { code, stdout } = await project.run(["worker", "--batch", "--watch", ...NOW]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "Warning: --watch and --batch cannot be specified together. Disabling watch.",
    );
  });
});

describe("several workers", () => {
  it("run each task once", async () => {
    await using project = await createDatabaseProject();
    const ids: string[] = [];
    for (let index = 0; index < 12; index++) ids.push(await project.enqueue("slow", [20]));
    const workers = [1, 2, 3].map((n) =>
      project.start(["worker", "--batch", "--concurrency", "1", ...NOW, "--worker-id", `w${n}`]),
    );
    for (const worker of workers) expect(await worker.ends()).toMatchObject({ code: 0 });
    const lines = workers.flatMap((worker) => worker.output().split("\n"));
    for (const id of ids) {
      expect(lines.filter((line) => line.startsWith(`Task id=${id} `))).toHaveLength(2);
      expect(await project.backend.getResult(id)).toMatchObject({
        status: "SUCCESSFUL",
        attempts: 1,
      });
    }
  });
});
