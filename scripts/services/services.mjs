import { mariadb } from "./mariadb.mjs";
import { postgres } from "./postgres.mjs";
import { redis } from "./redis.mjs";

/** @import { Service, ServiceName } from "./service.ts" */

/** @type {Readonly<Record<ServiceName, Service>>} */
export const services = { postgres, mariadb, redis };

export const serviceNames = /** @type {readonly ServiceName[]} */ (Object.keys(services));

/**
 * @param {string} value
 * @returns {asserts value is ServiceName}
 */
export function assertServiceName(value) {
  if (!Object.hasOwn(services, value)) {
    throw new Error(`Unknown service '${value}'. Choose from ${serviceNames.join(", ")}.`);
  }
}
