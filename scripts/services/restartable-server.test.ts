import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

import { expect, it, vi } from "vitest";

import { startRestartableServer } from "./restartable-server.ts";

it("keeps what was stored, and its address, over a kill -9", async () => {
  await using server = await startRestartableServer("redis");
  expect(await ask(server.url, "SET key value")).toBe("+OK");
  await server.kill();
  await expect(ask(server.url, "PING")).rejects.toThrow("ECONNREFUSED");
  await server.start();
  expect(await ask(server.url, "STRLEN key")).toBe(":5");
});

it("leaves no server behind when its process is killed", async () => {
  const module = new URL("restartable-server.ts", import.meta.url).href;
  const program = `
    import { startRestartableServer } from ${JSON.stringify(module)};
    console.log((await startRestartableServer("redis")).url);
    setInterval(() => {}, 1_000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [url] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
  expect(await ask(url, "PING")).toBe("+PONG");
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(ask(url, "PING")).rejects.toThrow("ECONNREFUSED"), {
    timeout: 5000,
  });
}, 20_000);

/** The first line of Redis's answer. */
async function ask(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, "connect");
    socket.write(`${command}\r\n`);
    // A server that is being killed may take the question and end.
    const [answer] = await once(socket, "data", { signal: AbortSignal.timeout(1000) });
    return String(answer).trim();
  } finally {
    socket.destroy();
  }
}
