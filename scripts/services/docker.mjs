import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import { runToEnd } from "../run-to-end.mjs";
import { findExecutable } from "./find-executable.mjs";
import { waitForOutput } from "./spawn-server.mjs";

/** @import { PrivateServer, Service, StartOptions } from "./service.ts" */

/** The first run downloads the image. */
const PULL_AND_START_TIMEOUT_MS = 300_000;

/** Whether there is a Docker command with a daemon that answers. */
export async function canRunContainers() {
  if (findExecutable("docker") === undefined) return false;
  try {
    await promisify(execFile)("docker", ["version", "--format", "{{.Server.Version}}"]);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs the service in a container that is removed when it stops.
 *
 * @param {Service} service
 * @param {StartOptions} options
 * @returns {Promise<PrivateServer>}
 */
export async function startContainer({ name, docker }, { durable }) {
  const container = `tasks-${name}-${process.pid}`;
  const env = Object.entries(docker.env).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  const publish = ["--publish", `127.0.0.1::${docker.port}`];
  const command = durable ? [] : docker.command;
  const child = spawn(
    "docker",
    ["run", "--rm", "--name", container, ...publish, ...env, docker.image, ...command],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = once(child, "close").catch(() => {});
  const stop = async () => {
    await runToEnd("docker", ["rm", "--force", "--volumes", container]);
    await ended;
  };
  try {
    await waitForOutput(child, docker.ready, PULL_AND_START_TIMEOUT_MS);
    const address = await runToEnd("docker", ["port", container, `${docker.port}/tcp`]);
    return { url: docker.url(Number(address.trim().split(":").at(-1))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
