import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rmdir } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { describe, expect, inject, it, vi } from "vitest";

import { howToProvide } from "./obtain.mjs";
import { services } from "./services.mjs";
import { startServices } from "./start-services.mjs";

/** What each server answers to a first message, so that a mere open port does not pass for it. */
const greetings = {
  // An SSL request is answered by one letter.
  postgres: { send: Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), answer: /^[SN]$/ },
  mariadb: { send: undefined, answer: /MariaDB/ },
  redis: { send: Buffer.from("PING\r\n"), answer: /^\+PONG/ },
};

const names = ["postgres", "mariadb", "redis"] as const;

describe("the services given to a test run", () => {
  it.each(names)("has a %s that answers", async (name) => {
    const url = inject("serviceUrls")[name];
    expect(await greet(name, url!)).toMatch(greetings[name].answer);
  });
});

describe("startServices", () => {
  it("prefers the URL in the environment and starts nothing", async () => {
    vi.stubEnv("REDIS_URL", "redis://redis.example:6379");
    const { urls, folder, stop } = await startServices("redis");
    expect(urls).toEqual({ redis: "redis://redis.example:6379" });
    expect(folder).toBeUndefined();
    await stop();
    vi.unstubAllEnvs();
  });

  it("names the services there are when asked for another", async () => {
    await expect(startServices("oracle")).rejects.toThrow(
      "Unknown service 'oracle'. Choose from postgres, mariadb, redis.",
    );
  });

  it("stops what it started, and may be stopped twice", async () => {
    vi.stubEnv("REDIS_URL", "");
    const { urls, folder, stop } = await startServices("redis");
    expect(existsSync(folder!)).toBe(true);
    await stop();
    await stop();
    expect(existsSync(folder!)).toBe(false);
    await expect(greet("redis", urls.redis!)).rejects.toThrow("ECONNREFUSED");
    vi.unstubAllEnvs();
  });

  it("leaves no server and no folder behind when its process is killed", async () => {
    const parent = startInAnotherProcess();
    const { folder, urls } = await readAnswer(parent);
    expect(existsSync(folder)).toBe(true);
    parent.kill("SIGKILL");
    await vi.waitFor(
      async () => {
        expect(existsSync(folder)).toBe(false);
        expect(commandsNaming(folder)).toEqual([]);
        for (const name of names)
          await expect(greet(name, urls[name])).rejects.toThrow("ECONNREFUSED");
      },
      { timeout: 3_000 },
    );
  });

  it("leaves nothing behind when its process is killed while they start", async () => {
    const temporary = await mkdtemp(join(tmpdir(), "tasks-services-test-"));
    // The account that PostgreSQL runs as must get through.
    await chmod(temporary, 0o755);
    const parent = startInAnotherProcess({ TMPDIR: temporary });
    await vi.waitFor(() => expect(readdirSync(temporary)).not.toEqual([]), { timeout: 5_000 });
    parent.kill("SIGKILL");
    await vi.waitFor(
      () => {
        expect(readdirSync(temporary)).toEqual([]);
        expect(commandsNaming(temporary)).toEqual([]);
      },
      { timeout: 10_000 },
    );
    await rmdir(temporary);
  }, 20_000);
});

describe("howToProvide", () => {
  it("says in one line what to set, install or start", () => {
    const text = howToProvide([services.postgres, services.redis]);
    expect(text).toContain("Set POSTGRES_URL, REDIS_URL to a server for tests");
    expect(text).not.toContain("\n");
  });
});

/** A process that starts all three, prints what it got and stays. */
function startInAnotherProcess(env: Readonly<Record<string, string>> = {}) {
  const module = new URL("start-services.mjs", import.meta.url).href;
  const program = `
    import { startServices } from ${JSON.stringify(module)};
    const { urls, folder } = await startServices("postgres", "mariadb", "redis");
    console.log(JSON.stringify({ urls, folder }));
    setInterval(() => {}, 1_000);`;
  return spawn(process.execPath, ["--input-type=module", "--eval", program], {
    env: { ...process.env, POSTGRES_URL: "", MARIADB_URL: "", REDIS_URL: "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function readAnswer(process: ReturnType<typeof startInAnotherProcess>) {
  const [line] = await once(createInterface({ input: process.stdout }), "line");
  return JSON.parse(line) as { folder: string; urls: Record<(typeof names)[number], string> };
}

/** The command lines of running processes that mention the text. */
function commandsNaming(text: string): string[] {
  if (!existsSync("/proc")) return [];
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .filter((command) => command.includes(text));
}

/** Sends the service's first message and gives the answer. */
async function greet(name: keyof typeof greetings, url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, "connect");
    const { send } = greetings[name];
    if (send !== undefined) socket.write(send);
    const [answer] = await once(socket, "data");
    return String(answer);
  } finally {
    socket.destroy();
  }
}
