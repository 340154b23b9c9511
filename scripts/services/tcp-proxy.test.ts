import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import { expect, it, onTestFinished } from "vitest";

import { TcpProxy } from "./tcp-proxy.ts";

/** A server that says everything back, behind a proxy. */
async function openEcho(): Promise<TcpProxy> {
  const echo = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const proxy = await TcpProxy.to(`echo://127.0.0.1:${(echo.address() as AddressInfo).port}/`);
  onTestFinished(async () => {
    await proxy[Symbol.asyncDispose]();
    echo.close();
  });
  return proxy;
}

async function dial({ url }: TcpProxy): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

async function says(socket: Socket, text: string, withinMs = 5000): Promise<string> {
  socket.write(text);
  const signal = AbortSignal.timeout(withinMs);
  const [answer] = (await once(socket, "data", { signal })) as [Buffer];
  return String(answer);
}

it("passes on what is said, both ways", async () => {
  const proxy = await openEcho();
  const socket = await dial(proxy);
  expect(await says(socket, "hello")).toBe("hello");
  expect([proxy.tries, proxy.size]).toEqual([1, 1]);
});

it("cuts what is open with a reset, and welcomes what is new", async () => {
  const proxy = await openEcho();
  const socket = await dial(proxy);
  await says(socket, "hello");
  const reset = once(socket, "error");
  proxy.cut();
  expect(await reset).toMatchObject([{ code: "ECONNRESET" }]);
  expect(await says(await dial(proxy), "again")).toBe("again");
});

it("refuses everybody until it passes again", async () => {
  const proxy = await openEcho();
  proxy.refuse();
  // The reset may come before the connection is noticed, or after.
  const refused = await dial(proxy).catch(() => undefined);
  if (refused !== undefined) await once(refused, "close");
  expect([proxy.tries, proxy.size]).toEqual([1, 0]);
  proxy.pass();
  expect(await says(await dial(proxy), "again")).toBe("again");
});

it("swallows without a word, not even a goodbye; what was swallowed stays dead", async () => {
  const proxy = await openEcho();
  const before = await dial(proxy);
  await says(before, "hello");
  proxy.swallow();
  const during = await dial(proxy);
  for (const socket of [before, during]) {
    await expect(says(socket, "hello", 150)).rejects.toThrow("aborted");
  }
  before.end();
  proxy.pass();
  await expect(says(during, "hello", 150)).rejects.toThrow("aborted");
  expect([before.closed, during.closed]).toEqual([false, false]);
  expect(await says(await dial(proxy), "again")).toBe("again");
});
