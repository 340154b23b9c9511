import { readFileSync } from "node:fs";

import { createConnection, createPool, type Connection, type Pool } from "mysql2/promise";
import type { RowDataPacket } from "mysql2/promise";

import { startDurableServices } from "../../scripts/services/start-services.mjs";
import type { Place, Places } from "./place.ts";
import { familyCpuUs } from "./processor-time.ts";

/** Databases of one private server, which is run with MariaDB's own settings: commits wait for the disk. */
export class MariadbPlaces implements Places {
  readonly description: string;
  readonly #url: string;
  readonly #admin: Pool;
  readonly #pid: number;
  readonly #stop: () => Promise<void>;
  #count = 0;

  private constructor(server: Server) {
    this.#url = server.url;
    this.#admin = server.admin;
    this.#pid = server.pid;
    this.#stop = server.stop;
    this.description = `MariaDB ${server.version} with its own default settings (innodb_flush_log_at_trx_commit = 1, a buffer pool of 128 MB), on the same machine; a database of its own for each measurement.`;
  }

  /** Starts the server. */
  static async start(): Promise<MariadbPlaces> {
    const { urls, stop } = await startDurableServices("mariadb");
    const url = urls.mariadb!;
    const admin = createPool({ uri: url, connectionLimit: 1 });
    const [[found]] = await admin.query<RowDataPacket[]>(
      "select version() as version, @@pid_file as pid_file",
    );
    const version = String(found!["version"]).split("-")[0]!;
    const pid = Number(readFileSync(String(found!["pid_file"]), "utf8"));
    return new MariadbPlaces({ url, stop, admin, version, pid });
  }

  async create(template?: Place): Promise<Place> {
    const name = `bench_${++this.#count}`;
    await this.#admin.query(`create database ${name}`);
    if (template !== undefined) await this.#copy(databaseOf(template.address), name);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return new MariadbPlace(url.href, async () => {
      await this.#admin.query(`drop database ${name}`);
    });
  }

  serverCpuUs(): number {
    return familyCpuUs(this.#pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.end();
    await this.#stop();
  }

  async #copy(from: string, to: string): Promise<void> {
    const [tables] = await this.#admin.query<RowDataPacket[]>(
      "select table_name as name from information_schema.tables where table_schema = ?",
      [from],
    );
    // Rows are inserted by number, so that generated columns need not be named.
    for (const { name } of tables) {
      await this.#admin.query(`create table ${to}.${name} like ${from}.${name}`);
      const [columns] = await this.#admin.query<RowDataPacket[]>(
        "select column_name as name from information_schema.columns where table_schema = ? and table_name = ? and coalesce(generation_expression, '') = ''",
        [from, name],
      );
      const list = columns.map((column) => `\`${String(column["name"])}\``).join(", ");
      await this.#admin.query(
        `insert into ${to}.${name} (${list}) select ${list} from ${from}.${name}`,
      );
      await this.#admin.query(`analyze table ${to}.${name}`);
    }
  }
}

interface Server {
  readonly url: string;
  readonly stop: () => Promise<void>;
  readonly admin: Pool;
  readonly version: string;
  readonly pid: number;
}

class MariadbPlace implements Place {
  readonly address: string;
  readonly #drop: () => Promise<void>;
  #connection: Connection | undefined;

  constructor(url: string, drop: () => Promise<void>) {
    this.address = url;
    this.#drop = drop;
  }

  async value(query: string): Promise<unknown> {
    const [rows] = await (await this.#open()).query<RowDataPacket[]>(query);
    return rows[0] === undefined ? undefined : (Object.values(rows[0])[0] as unknown);
  }

  async exec(statement: string): Promise<void> {
    await (await this.#open()).query(statement);
  }

  async settle(): Promise<void> {
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.#drop();
  }

  async #open(): Promise<Connection> {
    return (this.#connection ??= await createConnection(this.address));
  }

  async #close(): Promise<void> {
    await this.#connection?.end();
    this.#connection = undefined;
  }
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
