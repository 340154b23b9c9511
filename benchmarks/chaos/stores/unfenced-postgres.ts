import { Client, Pool, type PoolConfig } from "pg";

/**
 * A pool on which the store is broken on purpose: a success is stored for whoever brings it, no matter who owns the attempt by then. A run that does not
 * fail on it proves nothing.
 */
export function unfencedPool(url: string): Pool {
  const options: PoolConfig = { connectionString: url, max: 4, Client: UnfencedClient } as never;
  const pool = new Pool(options);
  pool.on("error", () => undefined);
  return pool;
}

class UnfencedClient extends Client {
  override query = ((query: { readonly text?: string }, ...rest: unknown[]): unknown => {
    const send = super.query.bind(this) as (...args: unknown[]) => unknown;
    const { text } = query;
    const isSuccess = text !== undefined && /^update [^]*\bset phase = 4\b/.test(text);
    return send(isSuccess ? { ...query, text: withoutFence(text) } : query, ...rest);
  }) as Client["query"];
}

const ATTEMPT = "id || ' ' || fence || ' ' || session_id";

/** Matches an outcome by the task's id alone; fence and session of the attempt are ignored. */
function withoutFence(sql: string): string {
  const outcome = `from jsonb_each((select $2::text::jsonb)) o where o.key like id || ' %' limit 1`;
  const unfenced = sql
    .replaceAll(`((select $2::text::jsonb) -> (${ATTEMPT}))`, `(select o.value ${outcome})`)
    .replace("and phase + 0 = 3", "")
    .replace(`returning ${ATTEMPT} as`, `returning (select o.key ${outcome}) as`);
  if (unfenced === sql || /\bfence\b|= 3\b/.test(unfenced)) {
    throw new Error(`The fence of this statement could not be taken away: ${sql}`);
  }
  return unfenced;
}
