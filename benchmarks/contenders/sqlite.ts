import type { Contender } from "./contender.ts";
import { liteque } from "./liteque/contender.ts";
import { plainSqlite } from "./plain-sqlite/contender.ts";
import { plainjob } from "./plainjob/contender.ts";
import { tasksDb } from "./tasks-db/contender.ts";

/** Who is measured on SQLite: ours first, then the limit, then the other queues. */
export const sqliteContenders: readonly Contender[] = [tasksDb, plainSqlite, plainjob, liteque];
