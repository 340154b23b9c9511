import { mkdir } from "node:fs/promises";

import { canInstallPackages, installPackages } from "./apt.mjs";
import { canRunContainers, startContainer } from "./docker.mjs";
import { services } from "./services.mjs";

/** @import { PrivateServer, Service, ServiceName, StartOptions } from "./service.ts" */

/**
 * Starts the named services side by side, each in the first way that this machine allows: from its own
 * programs, from packages it may install, or in a container.
 *
 * @param {readonly ServiceName[]} names
 * @param {string} folder An empty folder for their data.
 * @param {StartOptions} options
 * @param {(server: PrivateServer) => void} onStart Called as soon as one runs, also when another fails later.
 * @returns {Promise<Partial<Record<ServiceName, string>>>} The URLs.
 */
export async function obtainServers(names, folder, options, onStart) {
  const wanted = names.map((name) => services[name]);
  const absent = wanted.filter((service) => !service.isInstalled());
  if (absent.length > 0 && canInstallPackages()) {
    await installPackages(absent.flatMap((service) => service.aptPackages));
  }
  const inContainer = wanted.filter((service) => !service.isInstalled());
  if (inContainer.length > 0 && !(await canRunContainers()))
    throw new Error(howToProvide(inContainer));

  const started = await Promise.allSettled(
    wanted.map(async (service) => {
      const server = inContainer.includes(service)
        ? await startContainer(service, options)
        : await startPrivately(service, `${folder}/${service.name}`, options);
      onStart(server);
      return [service.name, server.url];
    }),
  );
  const failed = started.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return Object.fromEntries(
    started.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : [])),
  );
}

/**
 * One line that says everything a person can do about missing servers.
 *
 * @param {readonly Service[]} missing
 */
export function howToProvide(missing) {
  const products = missing.map((service) => service.product).join(", ");
  const variables = missing.map((service) => service.variable).join(", ");
  return `Not found on this machine: ${products}. Set ${variables} to a server for tests, install the programs, or start Docker.`;
}

/**
 * @param {Service} service
 * @param {string} folder
 * @param {StartOptions} options
 */
async function startPrivately(service, folder, options) {
  await mkdir(folder);
  return service.start(folder, options);
}
