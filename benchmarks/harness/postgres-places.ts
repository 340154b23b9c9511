import { Client, Pool } from "pg";

import { startDurableServices } from "../../scripts/services/start-services.mjs";
import type { Place, Places } from "./place.ts";
import { familyCpuUs, parentOf } from "./processor-time.ts";

/** Databases of one private server, which is run with PostgreSQL's own settings: commits wait for the disk, autovacuum is on. */
export class PostgresPlaces implements Places {
  readonly description: string;
  readonly #url: string;
  readonly #admin: Pool;
  readonly #postmaster: number;
  readonly #stop: () => Promise<void>;
  #count = 0;

  private constructor(server: Server) {
    this.#url = server.url;
    this.#admin = server.admin;
    this.#stop = server.stop;
    this.#postmaster = server.postmaster;
    this.description = `PostgreSQL ${server.version} with its own default settings (fsync, synchronous_commit and autovacuum on), on the same machine; a database of its own for each measurement.`;
  }

  /** Starts the server. */
  static async start(): Promise<PostgresPlaces> {
    const { urls, stop } = await startDurableServices("postgres");
    const url = urls.postgres!;
    const admin = new Pool({ connectionString: url, max: 1 });
    admin.on("error", ignore);
    const { rows } = await admin.query<{ pid: number; version: string }>(
      "select pg_backend_pid() as pid, split_part(current_setting('server_version'), ' ', 1) as version",
    );
    const { pid, version } = rows[0]!;
    return new PostgresPlaces({ url, stop, admin, version, postmaster: parentOf(pid) });
  }

  async create(template?: Place): Promise<Place> {
    const name = `bench_${++this.#count}`;
    const source = template === undefined ? "template1" : databaseOf(template.address);
    await this.#admin.query(`create database ${name} template ${source} strategy file_copy`);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return new PostgresPlace(url.href, async () => {
      await this.#admin.query(`drop database ${name} with (force)`);
    });
  }

  serverCpuUs(): number {
    return familyCpuUs(this.#postmaster);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.end();
    await this.#stop();
  }
}

interface Server {
  readonly url: string;
  readonly stop: () => Promise<void>;
  readonly admin: Pool;
  readonly version: string;
  readonly postmaster: number;
}

class PostgresPlace implements Place {
  readonly address: string;
  readonly #drop: () => Promise<void>;
  #client: Client | undefined;

  constructor(url: string, drop: () => Promise<void>) {
    this.address = url;
    this.#drop = drop;
  }

  async value(query: string): Promise<unknown> {
    const { rows } = await (await this.#open()).query<Record<string, unknown>>(query);
    return rows[0] === undefined ? undefined : Object.values(rows[0])[0];
  }

  async exec(statement: string): Promise<void> {
    await (await this.#open()).query(statement);
  }

  async settle(): Promise<void> {
    await this.exec("vacuum (analyze)");
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.#drop();
  }

  async #open(): Promise<Client> {
    if (this.#client === undefined) {
      this.#client = new Client(this.address);
      this.#client.on("error", ignore);
      await this.#client.connect();
    }
    return this.#client;
  }

  async #close(): Promise<void> {
    await this.#client?.end();
    this.#client = undefined;
  }
}

/** A server that stops takes idle connections with it; what failed before that is the news. */
function ignore(): void {}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
