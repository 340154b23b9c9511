import { spawn } from "node:child_process";
import { once } from "node:events";

import { createId } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { createFolder } from "./support/folder.ts";
import { RedisServer } from "./support/redis-server.ts";
import { createClient, deleteKeys, redisUrl } from "./support/redis.ts";

const folder = createFolder();
const client = createClient();

/** Runs a program in a process of its own, until there is nothing left to wait for. `onBegin` is called with its first output. */
async function run(
  program: string,
  url = redisUrl(),
  onBegin: () => void = () => undefined,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const prefix = `t${createId()}`;
  const source = `
    import { configureTasks, task, taskLog } from "@tasks/core";
    import { RQBackend } from "@tasks/rq";
    taskLog.connect(() => undefined);
    const backend = new RQBackend({ url: ${JSON.stringify(url)}, prefix: "${prefix}", commandTimeoutMs: 2000 });
    configureTasks({ backends: { default: backend } });
    const double = task({ name: "double" }, (n) => 2 * n);
    ${program}
    console.log("end");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stdout.once("data", onBegin);
  const [code] = (await once(child, "close")) as [number | null];
  await deleteKeys(client, `{${prefix}}`);
  return { code, output: output.trim() };
}

describe("a process that closes nothing ends", () => {
  it.each([
    ["after it enqueued", "await double.enqueue(1);"],
    ["after it enqueued many", "await double.enqueueMany([[1], [2]]);"],
    [
      "after it read",
      "const r = await double.enqueue(1); await r.refresh(); await backend.list();",
    ],
    [
      "after it waited in vain",
      "await (await double.enqueue(1)).wait({ timeoutMs: 200 }).catch((error) => console.log(error.name));",
    ],
    [
      "after a worker ended",
      "await double.enqueue(1); await (await backend.createWorker({ batch: true })).run();",
    ],
  ])("%s", async (_what, program) => {
    const { code, output } = await run(program);
    expect(output).toMatch(/end$/);
    expect(code).toBe(0);
  });

  it("while the server is gone", async () => {
    const server = await RedisServer.start(folder.path("gone"));
    const { code, output } = await run(
      `await double.enqueue(1);
       console.log("begin");
       let error;
       while (error === undefined) await double.enqueue(2).catch((reason) => { error = reason; });
       console.log(error.name);`,
      server.url,
      () => void server.kill(),
    );
    expect(output).toBe("begin\nBackendUnavailable\nend");
    expect(code).toBe(0);
  });
});

it("a process waits for what is awaited", async () => {
  const frozen = await RedisServer.start(folder.path("frozen"));
  frozen.freeze(true);
  const program = "await double.enqueue(1).catch((error) => console.log(error.name));";
  const { code, output } = await run(program, frozen.url);
  frozen.freeze(false);
  expect(output).toBe("BackendUnavailable\nend");
  expect(code).toBe(0);
});
