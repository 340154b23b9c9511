import { InvalidOption } from "@tasks/core";
import { Redis } from "ioredis";

import { parseAddress } from "./address.ts";
import { isRedisClient, optionsOfNode, type ClientOptions, type RedisClient } from "./client.ts";
import { letProcessEnd } from "./idle.ts";
import { leaseSourceOf, type LeaseSource } from "./lease-source.ts";
import { afterSilence } from "./patience.ts";
import { retryDelay } from "./retry.ts";

/** Where the results are: one of the two. */
export interface RedisSource {
  /** `redis://user:password@host:6379/0?family=6`, `rediss://…`, `valkey://…` or `unix:///path/to/socket?db=0`; opened and closed by the backend. */
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
 * @throws InvalidOption
 */
export function openRedis({ url, connection }: RedisSource): OpenedRedis {
  if ((url === undefined) === (connection === undefined)) {
    throw new InvalidOption("RQBackend needs one of url and connection.");
  }
  if (connection !== undefined) return { ...checked(connection), isOwn: false };
  const address = parseAddress(url);
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
  client.on("error", (error: Error & { readonly command?: { readonly name: string } }) => {
    // ioredis would go on in database 0.
    if (error.command?.name === "select") client.stream.destroy();
  });
  client.on("connect", () => awaitGreeting(client));
  letProcessEnd(client);
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
    throw new InvalidOption("connection must be a client of ioredis.");
  }
  const { keyPrefix } = connection.options as ClientOptions;
  if (keyPrefix !== undefined && keyPrefix !== "") {
    throw new InvalidOption(
      `connection must not have a keyPrefix ('${keyPrefix}'): BullMQ and scripts need whole keys. Use the backend's prefix.`,
    );
  }
  if (optionsOfNode(connection).stringNumbers === true) {
    throw new InvalidOption(
      "connection must not have stringNumbers: numbers of scripts would arrive as texts.",
    );
  }
  return { client: connection, address: null, lease: leaseSourceOf(connection) };
}
