import type { Client, ClientConfig, Pool, PoolClient } from "pg";

import { SilenceWatch, type Inquiry, type Watched } from "./silence-watch.ts";

/** How long the server may take to connect and to answer, in milliseconds: it is asked by somebody who is in doubt. */
const LIMIT_MS = 1000;
/**
 * Connections without a statement, or with part of one, for a while. Those the server does not know are not among them, nor are those whose activity it does
 * not track.
 */
const IDLE = `from pg_stat_activity where pid = any($1::text::int[])
  and (state like 'idle%' or wait_event_type = 'Client') and state_change < clock_timestamp() - interval '0.5 s'`;

/** What a client of a pool has besides what its types tell. */
interface Held {
  readonly processID?: number | null;
  readonly readyForQuery?: boolean;
  readonly connection?: {
    readonly stream?: { readonly bytesWritten?: number; destroy(error?: Error): unknown };
  };
}

/**
 * Has the connections of a pool of ours watched while somebody holds them; see `SilenceWatch`.
 *
 * @param createClient makes a client that is not the pool's, to ask the server by.
 */
export function watchSilence(pool: Pool, createClient: (limits: ClientConfig) => Client): void {
  const held = new Map<Held, Watched>();
  const idle = new Set<Held>();
  const watch = new SilenceWatch(pgInquiry(createClient));
  const take = (client: PoolClient & Held): void => {
    const stream = client.connection?.stream;
    const watched: Watched = {
      serverId: client.processID ?? 0,
      bytesWritten: () => stream?.bytesWritten ?? 0,
      isWaiting: () => client.readyForQuery === false,
      giveUp: (error) => {
        stream?.destroy(error);
        // Whatever silenced this one may have silenced those of nobody, too.
        for (const { connection } of idle) connection?.stream?.destroy();
      },
    };
    idle.delete(client);
    held.set(client, watched);
    watch.begin(watched);
  };
  const release = (client: PoolClient & Held): void => {
    const watched = held.get(client);
    if (watched !== undefined) watch.end(watched);
    held.delete(client);
    idle.add(client);
  };
  pool.on("acquire", take);
  pool.on("release", (_error, client) => release(client));
  pool.on("remove", (client) => {
    idle.delete(client);
  });
}

function pgInquiry(createClient: (limits: ClientConfig) => Client): Inquiry {
  const query = async (text: string, pids: readonly number[]): Promise<readonly number[]> => {
    const client: Client & Held = createClient({
      connectionTimeoutMillis: LIMIT_MS,
      query_timeout: LIMIT_MS,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>(text, [`{${pids.join(",")}}`]);
      return rows.map(({ pid }) => pid);
    } finally {
      client.connection?.stream?.destroy();
    }
  };
  return {
    findIdle: (pids) => query(`select pid ${IDLE}`, pids),
    end: async (pids) => {
      await query(`select pid, pg_terminate_backend(pid) ${IDLE}`, pids);
    },
  };
}
