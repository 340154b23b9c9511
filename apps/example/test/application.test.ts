import { execFile, spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

import { expect, inject, test, vi } from "vitest";

import { folderOf, LATIN_1, temporaryFolder } from "./support/temporary-folder.ts";

const run = promisify(execFile);
const main = join(import.meta.dirname, "../src/main.ts");

const PATIENCE = { timeout: 50_000, interval: 20 };

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the application as `npm start -- <args>` does, for a user who is in a folder. */
async function start(data: string, cwd: string, ...args: readonly string[]): Promise<Ended> {
  return startWith({}, data, cwd, ...args);
}

async function startWith(
  extra: Readonly<Record<string, string>>,
  data: string,
  cwd: string,
  ...args: readonly string[]
): Promise<Ended> {
  const env = { ...process.env, SEARCH_DATA: data, INIT_CWD: cwd, ...extra };
  try {
    return { code: 0, ...(await run(process.execPath, [main, ...args], { env })) };
  } catch (error) {
    return error as Ended;
  }
}

test("it indexes a folder, shows what it found, and answers searches", async () => {
  const data = await temporaryFolder();
  const cwd = await folderOf({
    "docs/otters.md": "# Otters\n\nOtters hold hands. See [more](https://otters.example/more).",
    "docs/deep/badgers.md": "# Badgers\n\nBadgers dig burrows. Otters do not.",
    "docs/broken.md": LATIN_1,
    "docs/notes.txt": "not a document",
  });

  const first = await start(data, cwd, "./docs");

  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toMatch(/^3 Markdown files in docs, 3 to index\.\n/);
  expect(first.stdout).toMatch(/^4 of 4 tasks, 100 %$/m);
  expect(first.stdout).toMatch(/^ {2}Files +3 /m);
  expect(first.stdout).toMatch(/^ {2}Indexed +2$/m);
  expect(first.stdout).toMatch(/^ {2}Failures +1$/m);
  expect(first.stdout).toMatch(/^ {2}Words +13$/m);
  expect(first.stdout).toMatch(/^ {2}Top terms +otters 3, badgers 2, /m);
  expect(first.stdout).toMatch(/^ {2}Top hosts +otters\.example 1$/m);
  expect(first.stdout).toMatch(/^ {2}Tasks +4 in [\d.]+ s by 2 worker processes$/m);
  expect(first.stdout).toMatch(/1 file could not be indexed:\n\n.*broken\.md is not UTF-8 text/);
  expect(first.stdout).toMatch(/Search for "otters", best first:\n\n {2}Otters\n.*\[Otters\]/);
  expect(first.stdout).toContain(join(data, "search.db"));
  // One of the two may have done it all before the other had started.
  const logs = ["worker-1.log", "worker-2.log"].map((name) => readFile(join(data, name), "utf8"));
  expect((await Promise.all(logs)).join("")).toMatch(/worker_id=indexer-[12]/);

  const again = await start(data, cwd, "./docs");
  expect(again.stdout).toMatch(/^3 Markdown files in docs, 0 to index\.\n/);
  expect(again.stdout).toMatch(/^ {2}Tasks +none: nothing has changed since the last run$/m);
  expect(again.stdout).toMatch(/^ {2}Failures +1$/m);

  await writeFile(join(cwd, "docs/broken.md"), "# Mended");
  const mended = await start(data, cwd, "./docs");
  expect(mended.stdout).toMatch(/^3 Markdown files in docs, 1 to index\.\n/);
  expect(mended.stdout).toMatch(/^ {2}Failures +0$/m);

  const search = await start(data, cwd, "search", "otters", "burrows");
  expect(search.stdout).toContain("docs/deep/badgers.md");
  expect(search.stdout).not.toContain("docs/otters.md");
  const nothing = await start(data, cwd, "search", 'otters "elephants" OR *');
  expect(nothing).toMatchObject({ code: 0, stdout: expect.stringContaining("No document holds") });

  const list = await start(data, cwd, "tasks", "list", "--status", "FAILED", "--json");
  expect(list.code).toBe(0);
  expect(list.stdout).toContain("is not UTF-8 text");
}, 60_000);

test("with its tasks in Redis it does the same, and takes up what has changed", async () => {
  const data = await temporaryFolder();
  const cwd = await folderOf({
    "docs/otters.md": "# Otters\n\nOtters hold hands.",
    "docs/broken.md": LATIN_1,
  });
  const run = startWith.bind(undefined, { SEARCH_REDIS: inject("serviceUrls").redis! }, data, cwd);

  const first = await run("./docs");
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toMatch(/^3 of 3 tasks, 100 %$/m);
  expect(first.stdout).toMatch(/^ {2}Indexed +1$/m);
  expect(first.stdout).toMatch(/1 file could not be indexed:\n\n.*broken\.md is not UTF-8 text/);
  const again = await run("./docs");
  expect(again.stdout).toMatch(/^ {2}Tasks +none: nothing has changed since the last run$/m);
  await writeFile(join(cwd, "docs/broken.md"), "# Mended");
  expect((await run("./docs")).stdout).toMatch(/^ {2}Failures +0$/m);

  const list = await run("tasks", "list", "--status", "FAILED", "--json");
  expect(list.stdout).toContain("is not UTF-8 text");
  expect((await run("tasks", "prune", "--min-age-days", "0")).code).toBe(0);
  using database = new DatabaseSync(join(data, "search.db"));
  const tables = database.prepare("select name from sqlite_schema where name like 'tasks%'").all();
  expect(tables).toEqual([]);
}, 60_000);

test.for([
  [["./nowhere"], /^There is no folder .*nowhere\. Name one that holds Markdown files\.\n$/],
  [["./file.txt"], /^.*file\.txt is a file\. Name the folder it is in\.\n$/],
  [["."], /^There is no file named \*\.md in /],
  [["search"], /^Name the words to look for/],
  [["search", "otters"], /^Nothing is indexed yet\. Run: npm start\n$/],
  [["--frobnicate"], /^I do not understand: --frobnicate\n/],
] as const)("%j is answered in words, without a stack", async ([args, message]) => {
  const cwd = await folderOf({ "file.txt": "" });
  const ended = await start(await temporaryFolder(), cwd, ...args);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).not.toContain("    at ");
});

/** Starts the application on 400 long documents, and resolves while its workers are at it. */
async function startLongRun(): Promise<{
  readonly data: string;
  readonly folder: string;
  readonly application: ChildProcessByStdio<null, Readable, Readable>;
}> {
  const data = await temporaryFolder();
  const files: Record<string, string> = {};
  for (let number = 0; number < 400; number++) files[`${number}.md`] = "# A\n\nword ".repeat(2000);
  const folder = await folderOf(files);
  const application = spawn(process.execPath, [main, folder], {
    env: { ...process.env, SEARCH_DATA: data },
    stdio: ["ignore", "pipe", "pipe"],
  });
  application.stdout.resume();
  await vi.waitFor(async () => {
    expect(await readFile(join(data, "worker-1.log"), "utf8")).toContain("state=SUCCESSFUL");
  }, PATIENCE);
  return { data, folder, application };
}

test("an interrupted run stops its workers, and the next one goes on", async () => {
  const { data, folder, application } = await startLongRun();
  const stderr = text(application.stderr);
  application.kill("SIGINT");

  const [code] = (await once(application, "exit")) as [number];
  expect(code).toBe(130);
  expect(await stderr).toMatch(/^Stopped\. Nothing is lost/);
  const stats = await start(data, folder, "tasks", "stats", "--json");
  expect(JSON.parse(stats.stdout)).toMatchObject({ counts: { RUNNING: 0 }, workers: [] });

  const next = await start(data, folder, folder);
  expect(next.stdout).toMatch(/^ {2}Indexed +400$/m);
}, 120_000);

const ENDS: Readonly<
  Record<string, (application: ChildProcessByStdio<null, Readable, Readable>) => void>
> = {
  "dies of a closed pipe": (application) => application.stdout.destroy(),
  "is killed": (application) => application.kill("SIGKILL"),
};

test.for(Object.keys(ENDS))(
  "no worker stays behind when the application %s",
  { timeout: 120_000 },
  async (how) => {
    const { data, folder, application } = await startLongRun();
    const exited = once(application, "exit");
    ENDS[how]!(application);
    expect(await exited).not.toEqual([0, null]);

    await vi.waitFor(async () => {
      const stats = await start(data, folder, "tasks", "stats", "--json");
      expect(JSON.parse(stats.stdout)).toMatchObject({ counts: { RUNNING: 0 }, workers: [] });
    }, PATIENCE);
  },
);

test("help says what there is", async () => {
  const folder = await temporaryFolder();
  const { code, stdout } = await start(folder, folder, "--help");
  expect(code).toBe(0);
  expect(stdout).toContain("npm start -- search");
});
