import { Socket } from "node:net";
import { setTimeout } from "node:timers";

import { InvalidOption, NotSupported, wholeNumber } from "@tasks/core";
import type { Kysely } from "kysely";
import type * as Pg from "pg";
import type { ClientConfig } from "pg";

import { answerLimitOf } from "./answer-limit.ts";
import { DEFAULT_BUSY_LIMIT_MS } from "./connections/busy.ts";
import { isUnanswered } from "./connections/errors.ts";
import { CONNECT_MS, expectGreeting, GREETING_MS, NoGreeting } from "./connections/greeting.ts";
import { KyselyConnection } from "./connections/kysely-connection.ts";
import type { PgListener, PgPool } from "./connections/pg-client.ts";
import { BEGIN_POSTGRES, PgConnection, readPgPins } from "./connections/pg-connection.ts";
import { watchSilence } from "./connections/pg-silence.ts";
import { PostgresDialect } from "./dialects/postgres.ts";
import { heartbeatOf } from "./heartbeat.ts";
import type { ConnectionOptions, Database } from "./open-database.ts";

/** How long a connection is silent before the system asks whether the other end is there, in milliseconds. */
const KEEP_ALIVE_MS = 10_000;
/**
 * Settings of our own connections. A plan that was made while the table was empty is kept until the table is analyzed; without scans of whole tables it is
 * right at every size. The planner takes a limit it does not know for a tenth of the table, and would plan each claim anew to know it. What it thinks of
 * costs must not start its compiler. Limits of the role are not ours: `answerLimitMs` is.
 */
const SETTINGS =
  "select set_config(name, '0', false) from pg_settings where name in ('lock_timeout', 'transaction_timeout'); set jit = off; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off; set default_transaction_isolation = 'read committed'";

/** A database whose pool is the backend's own. */
export function fromPostgresUrl(url: string, options: ConnectionOptions): Database {
  const where = describe(url);
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS, poolSize = 10, pooler = false } = options;
  const answerLimitMs = answerLimitOf(options);
  wholeNumber("poolSize", poolSize, 1, 1000);
  const config: ClientConfig = {
    connectionString: url,
    application_name: "tasks",
    connectionTimeoutMillis: Math.min(CONNECT_MS, answerLimitMs),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
  // What nobody waits for any more need not go on in the server, and must not keep its locks.
  const settings = `${SETTINGS}; set statement_timeout = ${answerLimitMs}; set idle_in_transaction_session_timeout = ${answerLimitMs}`;
  return {
    ...common(),
    connect: async () => {
      const { Client, Pool } = await loadPg();
      const sockets = new Sockets();
      const pool = new Pool({
        ...config,
        stream: () => sockets.open(),
        max: poolSize,
        allowExitOnIdle: true,
        ...(pooler ? {} : { onConnect: (client) => setUp(client, settings) }),
      });
      // An idle connection that breaks is replaced; whoever needs one meets the trouble that lasts.
      pool.on("error", () => undefined);
      // A pooler has other connections to the server than we have to it.
      if (!pooler) {
        watchSilence(pool, (limits) => new Client({ ...config, ...limits }));
      }
      return new PgConnection(pool, {
        where,
        busyLimitMs,
        answerLimitMs,
        breakOff: (afterMs) => sockets.breakOff(afterMs),
        named: !pooler,
        isSet: !pooler,
        createListener: pooler ? null : () => new Client(config),
      });
    },
    ...heartbeatOf(options, config, false),
    key: null,
  };
}

/** A database behind a pool of the user's. */
export function fromPostgresPool(pool: PgPool, options: ConnectionOptions): Database {
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  const answerLimitMs = answerLimitOf(options);
  return {
    ...common(),
    connect: async () =>
      new PgConnection(pool, {
        where: "PostgreSQL database (pg)",
        busyLimitMs,
        answerLimitMs,
        breakOff: null,
        named: false,
        isSet: false,
        createListener: listenerOf(pool),
      }),
    ...heartbeatOf(options, clientConfigOf(pool), false),
    key: pool,
  };
}

/** A database behind a Kysely instance of the user's. */
export function fromPostgresKysely(
  kysely: Kysely<unknown>,
  isEmbedded: boolean,
  options: ConnectionOptions,
): Database {
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  return {
    ...common(),
    connect: async () =>
      new KyselyConnection(
        kysely,
        { begin: [BEGIN_POSTGRES], readPins: readPgPins },
        {
          where: "PostgreSQL database (Kysely)",
          busyLimitMs,
          owned: false,
        },
      ),
    // A database inside this process dies with it.
    ...heartbeatOf(options, null, isEmbedded),
    key: kysely.getExecutor().adapter,
  };
}

/** Applies settings to a new connection. */
async function setUp(client: Pg.ClientBase, settings: string): Promise<void> {
  const statement = { text: settings, query_timeout: GREETING_MS };
  try {
    await client.query(statement);
  } catch (error) {
    throw isUnanswered(error) ? new NoGreeting({ cause: error }) : error;
  }
}

/** The sockets of a pool's connections, those that are being opened or closed too. */
class Sockets {
  readonly #open = new Set<Socket>();

  open(): Socket {
    const socket = new Socket();
    expectGreeting(socket);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }

  /** Breaks them off after a while, which does not keep the process alive. */
  breakOff(afterMs: number): void {
    for (const socket of this.#open) {
      socket.unref();
      if (afterMs === 0) socket.destroy();
      else setTimeout(() => socket.destroy(), afterMs).unref();
    }
  }
}

function common(): Pick<Database, "dialect" | "migratesItself" | "busyLimitMs"> {
  return {
    dialect: new PostgresDialect(),
    migratesItself: false,
    // A statement that failed has ended the caller's transaction: there is nothing to try again in it.
    busyLimitMs: 0,
  };
}

async function loadPg(): Promise<typeof Pg> {
  try {
    // Bundlers leave drivers to run time: a driver that is not installed must not fail the build.
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ "pg");
  } catch (cause) {
    throw new NotSupported("postgres: urls need the package pg: npm install pg.", { cause });
  }
}

/** Stands for the host of a url that has a user and no host, which `pg` takes for sockets. */
const NO_HOST = "no-host";

/** A url as errors show it: without user and password. */
function describe(url: string): string {
  const { host, pathname, searchParams } = parse(url);
  // The folder of a socket stands among the parameters, or percent-encoded in the place of the host.
  const where = host === NO_HOST || host === "" ? (searchParams.get("host") ?? "") : host;
  return `PostgreSQL database ${decodeURIComponent(where)}${pathname}`;
}

/** Reads a url as `pg` does. */
function parse(url: string): URL {
  for (const text of [url, url.replace("@/", `@${NO_HOST}/`)]) {
    if (URL.canParse(text)) return new URL(text);
  }
  // The error of the parser shows the whole text.
  throw new InvalidOption(
    "The PostgreSQL url cannot be read: write postgres://user:password@host:5432/database, with special characters of the password percent-encoded. `pg` takes one host.",
  );
}

/** Settings of `pg` that decide where a client connects to, and as whom. */
const CLIENT_SETTINGS = [
  "connectionString",
  "host",
  "port",
  "user",
  "database",
  "password",
  "ssl",
  "sslnegotiation",
  "options",
  "application_name",
  "enableChannelBinding",
] as const;

/** The settings of a pool's clients, as far as a thread can be given them; `null` when it cannot. */
function clientConfigOf({ options }: PgPool): ClientConfig | null {
  const all = options as Readonly<Record<string, unknown>>;
  // What makes its own way to the server cannot be sent to a thread.
  if (typeof all["stream"] === "function") return null;
  const config: Record<string, unknown> = {};
  for (const name of CLIENT_SETTINGS) if (all[name] !== undefined) config[name] = all[name];
  // `pg` hides the key from whoever lists the properties.
  if (typeof all["ssl"] === "object") config["ssl"] = withHidden(all["ssl"]);
  try {
    // Passwords may be functions, and certificates may come with some.
    return structuredClone(config) as ClientConfig;
  } catch {
    return null;
  }
}

/** A copy that shows what is hidden, such as a private key. */
function withHidden(value: object | null): unknown {
  if (value === null) return null;
  const names = Object.getOwnPropertyNames(value) as (keyof typeof value)[];
  return Object.fromEntries(names.map((name) => [name, value[name]]));
}

function listenerOf(pool: PgPool): (() => PgListener) | null {
  if (!("Client" in pool) || typeof pool.Client !== "function") return null;
  const Client = pool.Client as new (config: object) => PgListener;
  return () => new Client(pool.options);
}
