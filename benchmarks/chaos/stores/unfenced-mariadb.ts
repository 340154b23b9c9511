import { createPool, type Pool } from "mysql2/promise";

/**
 * A pool on which the store is broken on purpose: a success is stored for whoever brings it, no matter who owns the attempt by then. A run that does not
 * fail on it proves nothing.
 */
export function unfencedPool(url: string): Pool {
  const pool = createPool({ uri: url, connectionLimit: 4, supportBigNumbers: true });
  const getConnection = pool.getConnection.bind(pool);
  pool.getConnection = async () => {
    const connection = await getConnection();
    const execute = connection.execute.bind(connection) as (statement: Statement) => unknown;
    connection.execute = ((statement: Statement) =>
      execute({ ...statement, sql: withoutFence(statement.sql) })) as never;
    return connection;
  };
  return pool;
}

interface Statement {
  readonly sql: string;
}

function withoutFence(sql: string): string {
  if (/^update [^]*set r\.phase = 4,/.test(sql)) {
    return cut(sql, "r.phase = 3 and r.fence = t.fence and ", "");
  }
  // Which of the outcomes were stored.
  if (/^select r\.id, r\.fence from [^]*r\.phase = 4/.test(sql)) {
    return cut(cut(sql, " and r.fence = t.fence", ""), "r.id, r.fence", "r.id, t.fence");
  }
  return sql;
}

function cut(sql: string, part: string, by: string): string {
  if (!sql.includes(part)) {
    throw new Error(`The fence of this statement could not be taken away: ${sql}`);
  }
  return sql.replace(part, by);
}
