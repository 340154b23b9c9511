import { createHash } from "node:crypto";

import { EVENTS, SILENT } from "./events.ts";

/** A Lua script, the digest by which a server that has seen it knows it, and the commands that its user must be allowed. */
export interface CompiledScript {
  readonly lua: string;
  readonly sha: string;
  readonly commands: readonly string[];
}

/** A script, and the same telling BullMQ's `QueueEvents` what it does. */
export interface Script extends CompiledScript {
  readonly withEvents: CompiledScript;
}

/** A part of a script. An optional one runs where the user may do all that it does, and is left out where not. */
export type Part = string | { readonly optional: string };

/**
 * Puts a script together.
 *
 * All scripts are called with the root that all keys of a backend begin with: which jobs a script will touch is not known before, and the hash tag in the
 * root keeps everything on one node of a cluster.
 */
export function defineScript(...parts: readonly Part[]): Script {
  return {
    ...compile(PRELUDE, SILENT, ...parts),
    withEvents: compile(PRELUDE, EVENTS, ...parts),
  };
}

function compile(...given: readonly Part[]): CompiledScript {
  const parts = [...new Set(given)];
  const lua = parts.map((part) => (typeof part === "string" ? part : part.optional)).join("\n");
  const needed = parts.filter((part) => typeof part === "string").join("\n");
  const commands = [...needed.matchAll(/\bp?call\('([A-Z]+)'/g)].map(([, command]) => command!);
  return {
    lua,
    sha: createHash("sha1").update(lua).digest("hex"),
    commands: [...new Set(commands)].toSorted(),
  };
}

/**
 * What all scripts share: names of keys, and what the field `status` holds. What else they share is in `parts.ts`.
 *
 * Keys of a queue are BullMQ's, plus its index (see `INDEX`). A queue's name has no "@", so the backend's own keys collide with no queue's.
 *
 * The field `status` makes a job one of ours. It holds the status, the fence and the session of the latest claim ("0 -" before the first), and the number
 * of the enqueue: one field, as each costs Redis more than what is in it.
 */
const PRELUDE = `
local call = redis.call
local root = KEYS[1]

local function own(name) return root .. ':@' .. name end
local function of(queue, name) return root .. ':' .. queue .. ':' .. name end

local function statusOf(text) return text and string.match(text, '^%u+') end
local function numberOf(text) return tonumber(text and string.match(text, ' (%d+)$')) or 0 end
`;
