import { InvalidOption } from "@tasks/core";

import type { ClientOptions } from "./client.ts";

/** Protocols of an address, and what they lead to. */
const PROTOCOLS: Readonly<Record<string, "plain" | "tls" | "socket">> = {
  "redis:": "plain",
  "valkey:": "plain",
  "rediss:": "tls",
  "valkeys:": "tls",
  "unix:": "socket",
  "redis+unix:": "socket",
  "redis+socket:": "socket",
};

/** Query parameters that an address may have, as ioredis has them. */
type Parameter = "db" | "family" | "password" | "username";

/**
 * Reads the address of a server. Takes what ioredis takes: `redis://user:password@host:6379/0?family=6`, `rediss://…`, `host:6379`, a port alone, and
 * the path of a socket, alone or as `unix:///run/redis.sock?db=1`. What ioredis would read from further query parameters is refused by name.
 *
 * @throws InvalidOption
 */
export function parseAddress(url: unknown): ClientOptions {
  if (typeof url !== "string") throw refused("it is no text");
  const { protocol, hostname, port, pathname, username, password, searchParams } = toUrl(url);
  const kind = PROTOCOLS[protocol];
  if (kind === undefined) throw refused(`'${protocol}' is unknown`);
  const parameters = readParameters(searchParams);
  const database = (kind === "socket" ? "" : pathname.replace(/^\//, "")) || parameters.db || "0";
  if (!/^\d{1,5}$/.test(database)) throw refused("the path must be the number of a database");
  const { family = "0" } = parameters;
  if (!["0", "4", "6"].includes(family)) throw refused("family must be 0, 4 or 6");
  const user = decode("username", username) || parameters.username;
  const secret = decode("password", password) || parameters.password;
  return {
    ...(kind === "socket"
      ? { path: toPath(hostname, decode("path", pathname)) }
      : {
          host: hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
          port: port === "" ? 6379 : Number(port),
          ...(family === "0" ? {} : { family: Number(family) }),
        }),
    db: Number(database),
    // A user without a password may sign in with any.
    ...(user ? { username: user, password: secret ?? "" } : secret ? { password: secret } : {}),
    ...(kind === "tls" ? { tls: {} } : {}),
  };
}

/** Addresses without a protocol, and what they begin with in full. */
const SHORT_FORMS: readonly (readonly [form: RegExp, beginning: string])[] = [
  [/^\/(?!\/)/, "unix://"],
  [/^\/\//, "redis:"],
  [/^\d{1,5}$/, "redis://127.0.0.1:"],
  [/^(?:[\w.-]+|\[[\da-f:.]+\]):\d{1,5}(?:[/?]|$)/i, "redis://"],
];

function toUrl(text: string): URL {
  const trimmed = text.trim();
  const beginning = SHORT_FORMS.find(([form]) => form.test(trimmed))?.[1] ?? "";
  try {
    return new URL(beginning + trimmed);
  } catch {
    // The address may hold a password.
    throw refused(
      'it is no address. In a username or password write "/", "?", "#", "@" and "%" as %2F, %3F, %23, %40 and %25',
    );
  }
}

function readParameters(given: URLSearchParams): Partial<Readonly<Record<Parameter, string>>> {
  const found: Partial<Record<Parameter, string>> = {};
  for (const [name, value] of given) {
    if (name !== "db" && name !== "family" && name !== "password" && name !== "username") {
      throw refused(
        `the parameter '${name.slice(0, 80)}' is unknown; db, family, password and username are known. For other options pass connection: new Redis(…)`,
      );
    }
    found[name] = value;
  }
  return found;
}

function toPath(host: string, path: string): string {
  if (host === "" && path.length > 1) return path;
  throw refused("a socket is given by its whole path, as in unix:///run/redis.sock");
}

function decode(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused(`in the ${what}, "%" must be written as %25`);
  }
}

function refused(why: string): InvalidOption {
  return new InvalidOption(`url must be like redis://host:6379/0: ${why}.`);
}
