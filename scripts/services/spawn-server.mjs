import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

/** @import { LocalServer } from "./service.ts" */

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 500;
const PORT_ATTEMPTS = 3;

/**
 * @typedef {object} ServerSpec
 * @property {string} command
 * @property {readonly string[]} args
 * @property {import("node:child_process").SpawnOptions} options
 * @property {RegExp} ready What the server says once it accepts connections.
 * @property {NodeJS.Signals} stopSignal The quickest signal after which none of its processes is left.
 * @property {string} url
 */

/**
 * Starts a server and resolves when it says that it is ready.
 *
 * @param {ServerSpec} spec
 * @returns {Promise<LocalServer>}
 */
export async function spawnServer(spec) {
  const { command, args, options, ready, stopSignal, url } = spec;
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close").catch(() => {});
  const stop = () => end(child, ended, stopSignal);
  try {
    await waitForOutput(child, ready);
  } catch (error) {
    await stop();
    throw error;
  }
  const kill = () => end(child, ended, "SIGKILL");
  return { url, stop, kill, startAgain: () => spawnServer(spec) };
}

/**
 * Runs `start` with a port that was free a moment ago, and again with another one if something else took it meanwhile.
 *
 * @template T
 * @param {(port: number) => Promise<T>} start
 * @returns {Promise<T>}
 */
export async function withFreePort(start) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !/in use/i.test(String(error))) throw error;
    }
  }
}

/** A port that is free at this moment. */
export async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Resolves when the output matches. The streams are read on, because a full pipe would stop the server.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {RegExp} pattern
 * @param {number} [timeoutMs]
 * @returns {Promise<void>}
 */
export function waitForOutput(child, pattern, timeoutMs = START_TIMEOUT_MS) {
  return new Promise((resolve, reject) => {
    let output = "";
    let settled = false;
    const fail = (/** @type {string} */ reason) => {
      settled = true;
      clearTimeout(timer);
      reject(new Error(`${child.spawnfile} ${reason}.\n${output}`));
    };
    const timer = setTimeout(fail, timeoutMs, "did not become ready in time");
    const read = (/** @type {Buffer} */ chunk) => {
      if (settled) return;
      output += chunk;
      if (!pattern.test(output)) return;
      settled = true;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    child.once("close", (code) => fail(`ended with ${code}`));
  });
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {Promise<unknown>} ended
 * @param {NodeJS.Signals} signal
 */
async function end(child, ended, signal) {
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
