import { InvalidOption } from "@tasks/core";

import type { ConnectionOptions, DatabaseSource } from "./open-database.ts";

/** Options that a url may hold as parameters. */
interface UrlOptions extends Pick<ConnectionOptions, "pooler" | "poolSize"> {
  readonly schema?: string | undefined;
}

/** Names by which other clients choose a schema. `pg` ignores them. */
const REFUSED = ["search_path", "currentSchema"];

/**
 * Adds what the parameters of a PostgreSQL url say, as Prisma writes them: `schema`, `pgbouncer`
 * and `connection_limit`. Options that are given win.
 *
 * @throws InvalidOption for values that cannot be read, and for parameters that would choose a
 * schema elsewhere.
 */
export function withUrlOptions<Options extends DatabaseSource & UrlOptions>(
  options: Options,
): Options {
  const { url, schema, pooler, poolSize } = options;
  const query = /^postgres(?:ql)?:[^?]*\?([^#]*)/i.exec(String(url))?.[1];
  if (query === undefined) return options;
  const parameters = new URLSearchParams(query);
  for (const name of REFUSED) {
    if (parameters.has(name)) {
      throw new InvalidOption(
        `The PostgreSQL url has the parameter ${name}, which \`pg\` ignores. Write schema=name, or give the option schema.`,
      );
    }
  }
  return {
    ...options,
    schema: schema ?? parameters.get("schema") ?? undefined,
    pooler: pooler ?? readPgbouncer(parameters.get("pgbouncer")),
    poolSize: poolSize ?? readLimit(parameters.get("connection_limit")),
  };
}

function readPgbouncer(text: string | null): boolean | undefined {
  if (text === null) return undefined;
  if (text === "true" || text === "false") return text === "true";
  throw new InvalidOption(
    `The parameter pgbouncer of the PostgreSQL url must be true or false, not ${JSON.stringify(text)}.`,
  );
}

/** `poolSize` is checked where it is used. */
function readLimit(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}
