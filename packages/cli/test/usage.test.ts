import { describe, expect, it } from "vitest";

import { createProject, type Outcome, type RunOptions } from "./helpers/project.ts";

const NO_WORKER = `import { configureTasks, DummyBackend, ImmediateBackend } from "@tasks/core";
export default configureTasks({ backends: { dummy: new DummyBackend(), immediate: new ImmediateBackend() } });
`;

async function run(argv: readonly string[], options?: RunOptions): Promise<Outcome> {
  await using project = await createProject({ "tasks.config.ts": NO_WORKER });
  return await project.run(argv, options);
}

describe("worker", () => {
  it.each([
    [["--interval", "-1"], "Must be greater than zero"],
    [["--interval", "inf"], "Must be a finite floating point value"],
    [["--interval", "Infinity"], "Must be a finite floating point value"],
    [["--interval", "nan"], "Must be a finite floating point value"],
    [["--interval", ""], "Must be a finite floating point value"],
    [["--interval", "90000"], "Must be at most 86400"],
    [["--max-tasks", "-1"], "Must be greater than zero"],
    [["--max-tasks", "0"], "Must be greater than zero"],
    [["--max-tasks", "1.5"], "Must be a whole number"],
    [["--concurrency", "0"], "Must be greater than zero"],
    [["--concurrency", "10001"], "Must be at most 10000"],
    [["--shutdown-timeout", "-1"], "Must be greater than zero"],
    [["--worker-id", ""], "Worker id must not be empty"],
    [["--worker-id", "x".repeat(65)], "Worker ids must be shorter than 64 characters"],
    [["--queue-name", "a,,b"], "Queue names must not be empty"],
    [["--exclude-queues", "a"], "--exclude-queues can only be used with --queue-name=*"],
    [
      ["--queue-name", "b", "--exclude-queues", "a"],
      "--exclude-queues can only be used with --queue-name=*",
    ],
    [["--backend", "unknown"], "The connection 'unknown' doesn't exist."],
    [["--backend", "dummy"], "Backend 'dummy' does not have a worker"],
    [["--verbosity", "4"], "Choose one of 0, 1, 2, 3"],
    [["--nonsense"], "unknown option '--nonsense'"],
    [["surplus"], "too many arguments"],
  ])("refuses %j", async (flags, message) => {
    const { code, stdout, stderr } = await run(["worker", ...flags]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(stdout).toBe("");
  });
});

describe("prune", () => {
  it.each([
    [["--min-age-days", "-1"], "Must be greater than zero"],
    [["--failed-min-age-days", "-0.5"], "Must be greater than zero"],
    [["--min-age-days", "soon"], "Must be a number of days"],
    [["--backend", "unknown"], "The connection 'unknown' doesn't exist."],
    [["--backend", "immediate"], "ImmediateBackend does not support"],
  ])("refuses %j", async (flags, message) => {
    const { code, stderr } = await run(["prune", ...flags]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe("the other commands", () => {
  it.each([
    [
      ["enqueue", "greet", "World"],
      `It is not JSON. A text needs JSON's quotes inside the shell's: '"World"'.`,
    ],
    [
      ["enqueue", "greet", "--priority", "101"],
      "priority must be a whole number between -100 and 100.",
    ],
    [["enqueue", "greet", "--run-after", "soon"], "Give a delay such as 30s, 10m, 2h or 1d"],
    [["enqueue", "usage_nothing"], "There is no task 'usage_nothing'"],
    [["list", "--status", "DONE"], "Choose one of READY, RUNNING, SUCCESSFUL, FAILED"],
    [["list", "--state", "odd"], "Choose one of scheduled, ready, blocked"],
    [["list", "--limit", "1001"], "Must be at most 1000"],
    [["list", "--backend", "immediate"], "does not support"],
    [["show"], "missing required argument 'id'"],
    [["migrate", "--to", "1"], "--to needs --backend"],
    [["migrate", "--backend", "dummy"], "Backend 'dummy' has no migrations"],
    [["worke"], "Did you mean worker?"],
    [[], "Usage: tasks"],
  ])("refuse %j", async (argv, message) => {
    const { code, stdout, stderr } = await run(argv);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(stdout).toBe("");
  });
});

describe("help", () => {
  it("lists every command, the first steps and the exit codes", async () => {
    const { code, stdout, stderr } = await run(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    const names = [
      "worker",
      "check",
      "migrate",
      "prune",
      "enqueue",
      "run",
      "list",
      "show",
      "retry",
      "cancel",
      "pause",
      "resume",
      "stats",
    ];
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    expect(stdout).toContain("First steps:");
    expect(stdout).toContain("Exit codes:");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it.each([
    "worker",
    "check",
    "migrate",
    "prune",
    "enqueue",
    "run",
    "list",
    "show",
    "retry",
    "cancel",
    "pause",
    "resume",
    "stats",
  ])("of %s has examples and the options of every command, and fits 80 columns", async (name) => {
    const { code, stdout } = await run([name, "--help"], {
      isTTY: true,
      columns: 80,
      env: { NO_COLOR: "1" },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:\n {2}\$ tasks /);
    expect(stdout).toContain("--config <file>");
    expect(stdout).toContain("--verbosity <level>");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it("is coloured on a terminal only", async () => {
    const escape = "\u001B[";
    expect((await run(["--help"], { isTTY: true })).stdout).toContain(escape);
    expect((await run(["--help"])).stdout).not.toContain(escape);
    expect((await run(["--help"], { isTTY: true, env: { NO_COLOR: "1" } })).stdout).not.toContain(
      escape,
    );
    expect((await run(["--help"], { env: { FORCE_COLOR: "1" } })).stdout).toContain(escape);
  });

  it("is found by 'tasks help worker' too", async () => {
    expect((await run(["help", "worker"])).stdout).toContain("--queue-name <queues>");
  });
});

it("prints its version", async () => {
  const { code, stdout } = await run(["--version"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
