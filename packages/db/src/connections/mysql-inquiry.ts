import type * as Mysql from "mysql2";

import type { Row } from "../connection.ts";
import { answerOf, discard } from "./mysql-answer.ts";
import type { Inquiry } from "./silence-watch.ts";

/** How long the server may take to connect and to answer, in milliseconds. */
const LIMIT_MS = 1000;

/** Asks a server of MySQL about connections; nothing is known of any where there are no settings to connect with. */
export function mysqlInquiry(
  load: () => Promise<Pick<typeof Mysql, "createConnection">>,
  config: Mysql.ConnectionOptions | null,
): Inquiry {
  const query = async (...statements: readonly string[]): Promise<readonly Row[]> => {
    const { createConnection } = await load();
    const connection = createConnection({ ...config, connectTimeout: LIMIT_MS });
    connection.on("error", () => undefined);
    try {
      let rows: unknown = [];
      for (const sql of statements) rows = await answerOf("query", connection, { sql }, LIMIT_MS);
      return rows as readonly Row[];
    } finally {
      discard(connection);
    }
  };
  return {
    findIdle: async (threadIds) => {
      if (config === null) return [];
      const rows = await query(
        `select id as id from information_schema.processlist where command = 'Sleep' and id in (${listOf(threadIds)})`,
      );
      return rows.map(({ id }) => Number(id));
    },
    end: async (threadIds) => {
      await query(...threadIds.map((id) => `kill connection ${Number(id)}`));
    },
  };
}

function listOf(threadIds: readonly number[]): string {
  return threadIds.map(Number).join(", ");
}
