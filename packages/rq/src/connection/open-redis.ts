import { InvalidTaskBackend } from "@tasks/core";
import { Redis } from "ioredis";

import { isRedisClient, type ClientOptions, type RedisClient } from "./client.ts";
import { leaseSourceOf, type LeaseSource } from "./lease-source.ts";
import { afterSilence } from "./patience.ts";
import { retryDelay } from "./retry.ts";

/** Where the results are: one of the two. */
export interface RedisSource {
  /** `redis://user:password@host:6379/0`, `rediss://…` or `valkey://…`; opened and closed by the backend. */
  readonly url?: string | undefined;
  /** Your own ioredis client, of a server, Sentinel or cluster; stays yours. */
  readonly connection?: RedisClient | undefined;
}

/** A client, and what is known of where it comes from. */
export interface OpenedRedis {
  readonly client: RedisClient;
  /** The backend opened the client, and closes it. */
  readonly isOwn: boolean;
  /** Where the server is, of a client that the backend opened. */
  readonly address: ClientOptions | null;
  /** How a lease thread would connect; `null` when it cannot. */
  readonly lease: LeaseSource | null;
}

/** How long one try to connect may take, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3000;
/** How long a server that took a connection may be silent, in milliseconds. */
const GREETING_TIMEOUT_MS = 1000;

/**
 * Makes the client; connects to nothing yet.
 *
 * @throws InvalidTaskBackend
 */
export function openRedis({ url, connection }: RedisSource): OpenedRedis {
  if ((url === undefined) === (connection === undefined)) {
    throw new InvalidTaskBackend("RQBackend needs one of url and connection.");
  }
  if (connection !== undefined) return { ...checked(connection), isOwn: false };
  const address = parseUrl(url);
  const options: ClientOptions = {
    ...address,
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: retryDelay,
    // A command that waited out an outage would be carried out after its caller has given up.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // And one that was under way when the connection broke fails at once.
    maxRetriesPerRequest: 0,
    // After a failover the old address may be that of a replica.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
  const client = new Redis(options);
  // Whoever waits for a command is told; without a listener ioredis would print.
  client.on("error", () => undefined);
  client.on("connect", () => awaitGreeting(client));
  return { client, isOwn: true, address, lease: { type: "wire", options: address } };
}

/** The client itself would wait for ever. */
function awaitGreeting(client: Redis): void {
  const { stream } = client;
  const callOff = afterSilence(GREETING_TIMEOUT_MS, () => stream.destroy());
  const onEnd = (): void => {
    callOff();
    client.off("ready", onEnd).off("close", onEnd);
  };
  client.on("ready", onEnd).on("close", onEnd);
}

function checked(connection: RedisClient): Omit<OpenedRedis, "isOwn"> {
  if (!isRedisClient(connection)) {
    throw new InvalidTaskBackend("connection must be a client of ioredis.");
  }
  const { keyPrefix } = connection.options as ClientOptions;
  if (keyPrefix !== undefined && keyPrefix !== "") {
    throw new InvalidTaskBackend(
      `connection must not have a keyPrefix ('${keyPrefix}'): BullMQ and scripts need whole keys. Use the backend's prefix.`,
    );
  }
  return { client: connection, address: null, lease: leaseSourceOf(connection) };
}

function parseUrl(url: unknown): ClientOptions {
  const refused = (why: string): InvalidTaskBackend =>
    new InvalidTaskBackend(`url must be like redis://host:6379/0: ${why}.`);
  if (typeof url !== "string") throw refused("it is no text");
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // The address may hold a password.
    throw refused("it is no address");
  }
  const { protocol, hostname, port, pathname, username, password } = parsed;
  if (!["redis:", "rediss:", "valkey:", "valkeys:"].includes(protocol)) {
    throw refused(`'${protocol}' is unknown`);
  }
  const database = pathname.replace(/^\//, "");
  if (!/^\d{0,5}$/.test(database)) throw refused("the path must be the number of a database");
  return {
    host: hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
    port: port === "" ? 6379 : Number(port),
    db: Number(database),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" || protocol === "valkeys:" ? { tls: {} } : {}),
  };
}
