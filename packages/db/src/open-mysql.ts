import { connect, type Socket } from "node:net";

import { InvalidOption, NotSupported, wholeNumber } from "@tasks/core";
import type { Kysely } from "kysely";
import type { ConnectionOptions as MysqlOptions } from "mysql2";
import type * as Mysql from "mysql2";

import { answerLimitOf } from "./answer-limit.ts";
import { DEFAULT_BUSY_LIMIT_MS } from "./connections/busy.ts";
import { CONNECT_MS, expectGreeting } from "./connections/greeting.ts";
import { KyselyConnection, type KyselyUse } from "./connections/kysely-connection.ts";
import { toCorePool, type MysqlPool } from "./connections/mysql-client.ts";
import { BEGIN_MYSQL, MysqlConnection } from "./connections/mysql-connection.ts";
import { mysqlInquiry } from "./connections/mysql-inquiry.ts";
import { COMMIT_MYSQL, readMysqlPins, ROLLBACK_MYSQL } from "./connections/mysql-session.ts";
import { MysqlDialect } from "./dialects/mysql.ts";
import { heartbeatOf } from "./heartbeat.ts";
import type { ConnectionOptions, Database } from "./open-database.ts";

/** Statements kept prepared by one connection; servers keep 16,382 for all of them by default. */
const MOST_STATEMENTS = 150;

/** A database whose pool is the backend's own. */
export function fromMysqlUrl(url: string, options: ConnectionOptions): Database {
  const where = describe(url);
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS, poolSize = 10 } = options;
  const answerLimitMs = answerLimitOf(options);
  wholeNumber("poolSize", poolSize, 1, 1000);
  const config: MysqlOptions = {
    uri: url,
    charset: "utf8mb4",
    supportBigNumbers: true,
    connectTimeout: Math.min(CONNECT_MS, answerLimitMs),
    maxPreparedStatements: MOST_STATEMENTS,
  };
  return {
    ...common(),
    connect: async () => {
      const { createPool } = await loadMysql();
      const pool = createPool({ ...config, connectionLimit: poolSize, stream: openSocket });
      return new MysqlConnection(toCorePool(pool), {
        inquiry: mysqlInquiry(loadMysql, config),
        where,
        busyLimitMs,
        owned: true,
        answerLimitMs,
      });
    },
    ...heartbeatOf(options, config, false),
    key: null,
  };
}

/** A database behind a pool of the user's. */
export function fromMysqlPool(given: MysqlPool, options: ConnectionOptions): Database {
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  const answerLimitMs = answerLimitOf(options);
  const pool = toCorePool(given);
  const config = clientConfigOf(pool);
  return {
    ...common(),
    connect: async () =>
      new MysqlConnection(pool, {
        inquiry: mysqlInquiry(loadMysql, config),
        where: "MySQL database (mysql2)",
        busyLimitMs,
        owned: false,
        answerLimitMs,
      }),
    ...heartbeatOf(options, config, false),
    key: pool,
  };
}

/** A database behind a Kysely instance of the user's. */
export function fromMysqlKysely(kysely: Kysely<unknown>, options: ConnectionOptions): Database {
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  return {
    ...common(),
    connect: async () =>
      new KyselyConnection(kysely, KYSELY_USE, {
        where: "MySQL database (Kysely)",
        busyLimitMs,
        owned: false,
      }),
    ...heartbeatOf(options, null, false),
    key: kysely.getExecutor().adapter,
  };
}

const KYSELY_USE: KyselyUse = {
  begin: BEGIN_MYSQL,
  commit: COMMIT_MYSQL,
  rollback: ROLLBACK_MYSQL,
  readPins: readMysqlPins,
};

/** As the driver does it. */
function openSocket({ config }: { readonly config: MysqlOptions }): Socket {
  const { socketPath, host = "localhost", port = 3306 } = config;
  const socket =
    socketPath === undefined
      ? connect({ host, port, keepAlive: true, noDelay: true })
      : connect(socketPath);
  expectGreeting(socket);
  return socket;
}

function common(): Pick<Database, "dialect" | "migratesItself" | "busyLimitMs"> {
  return {
    dialect: new MysqlDialect(),
    migratesItself: false,
    // A deadlock has ended the caller's transaction: there is nothing to try again in it.
    busyLimitMs: 0,
  };
}

async function loadMysql(): Promise<typeof Mysql> {
  try {
    // Bundlers leave drivers to run time: a driver that is not installed must not fail the build.
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ "mysql2");
  } catch (cause) {
    throw new NotSupported("mysql: urls need the package mysql2: npm install mysql2.", { cause });
  }
}

/** A url as errors show it: without user and password. */
function describe(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // The error of the parser shows the whole text.
    throw new InvalidOption(
      "The MySQL url cannot be read: write mysql://user:password@host:3306/database, with special characters of the password percent-encoded.",
    );
  }
  if (parsed.pathname.length < 2) {
    throw new InvalidOption(
      "The MySQL url names no database: write mysql://user:password@host:3306/database.",
    );
  }
  return `MySQL database ${parsed.host}${parsed.pathname}`;
}

/** The settings of a pool's connections, as far as a thread can be given them; `null` when it cannot. */
function clientConfigOf(pool: object): MysqlOptions | null {
  const { config } = pool as { config?: { connectionConfig?: MysqlOptions } };
  if (config?.connectionConfig === undefined) return null;
  const { host, port, socketPath, user, password, database, ssl } = config.connectionConfig;
  const all: Readonly<Record<string, unknown>> = {
    host,
    port,
    socketPath,
    user,
    password,
    database,
    ssl,
  };
  try {
    // Certificates may come with functions.
    return structuredClone(
      Object.fromEntries(
        Object.entries(all).filter(([, value]) => value !== undefined && value !== false),
      ),
    );
  } catch {
    return null;
  }
}
