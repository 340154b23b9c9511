import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";

import { createId } from "@tasks/core";
import { describe, expect, it, onTestFinished } from "vitest";

import { WireConnection } from "../src/connection/wire.ts";
import { createFolder } from "./support/folder.ts";
import { RedisServer } from "./support/redis-server.ts";

const folder = createFolder();

async function open(
  options: { readonly password?: string; readonly db?: number } = {},
  ...extra: readonly string[]
): Promise<{ readonly server: RedisServer; readonly connection: WireConnection }> {
  const server = await RedisServer.start(folder.path(createId()), ...extra);
  const connection = await WireConnection.open({ ...options, port: server.port }, 300);
  onTestFinished(() => connection.close());
  return { server, connection };
}

describe("the connection of a lease thread", () => {
  it("sends commands of any content, and gives the reply to each in turn", async () => {
    const { connection } = await open();
    const text = "é\r\n$5 🎉";
    const replies = [
      connection.send("SET", text, text),
      connection.send("STRLEN", text),
      connection.send("EVAL", "return redis.call('EXISTS', KEYS[1])", 1, text),
    ];
    expect(await Promise.all(replies)).toEqual(["OK", String(Buffer.byteLength(text)), "1"]);
  });

  it("may be encrypted, to a name or an address", async () => {
    const key = { psk: Buffer.from("0123456789abcdef"), identity: "lease" };
    const common = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
    const server = createServer({ ...common, pskCallback: () => key.psk }, (socket) => {
      socket.on("data", () => socket.write("+OK\r\n")).on("error", () => undefined);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const checkServerIdentity = (): undefined => undefined;
    const tls = { ...common, pskCallback: () => key, checkServerIdentity };
    for (const host of ["127.0.0.1", "localhost"]) {
      const connection = await WireConnection.open({ host, port, tls }, 1000);
      expect(await connection.send("PING")).toBe("OK");
      connection.close();
    }
  });

  it("signs in, and works in its database", async () => {
    const { connection } = await open(
      { password: "p@ss wörd", db: 3 },
      "--requirepass",
      "p@ss wörd",
    );
    expect(await connection.send("SET", "key", "value")).toBe("OK");
    await connection.send("SELECT", 0);
    expect(await connection.send("EXISTS", "key")).toBe("0");
  });

  it("says what the server refuses", async () => {
    const { server, connection } = await open({}, "--requirepass", "secret");
    await expect(connection.send("PING")).rejects.toThrow(/^NOAUTH/);
    const wrong = WireConnection.open({ port: server.port, password: "hunter2" }, 300);
    await expect(wrong).rejects.toThrow(/^WRONGPASS/);
  });

  it("rejects what is under way when it breaks, and everything after", async () => {
    const { server, connection } = await open();
    expect(await connection.send("PING")).toBe("PONG");
    server.freeze(true);
    const [underWay] = await Promise.allSettled([connection.send("PING"), server.kill()]);
    expect(underWay).toMatchObject({ status: "rejected" });
    await expect(connection.send("PING")).rejects.toThrow(/closed/);
  });

  it("gives up a server that is silent", async () => {
    const { server, connection } = await open();
    server.freeze(true);
    await expect(connection.send("PING")).rejects.toThrow(/does not answer/);
    await server.kill();
  });

  it("rejects where nobody listens", async () => {
    const { server } = await open();
    await server.kill();
    await expect(WireConnection.open({ port: server.port, db: 1 }, 300)).rejects.toThrow(
      /ECONNREFUSED/,
    );
  });
});
