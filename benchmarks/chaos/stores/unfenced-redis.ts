import { RQBackend, type RQBackendOptions } from "@tasks/rq";
import { Redis } from "ioredis";

/** A backend on a client without a fence, which it closes. */
export class UnfencedBackend extends RQBackend {
  readonly #connection: Redis;

  constructor(url: string, options: RQBackendOptions) {
    const connection = new UnfencedRedis(url);
    super({ connection, ...options });
    this.#connection = connection;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#connection.disconnect();
  }
}

/**
 * A client on which the store is broken on purpose: a success is stored for whoever brings it, no matter who owns the attempt by then. A run that does
 * not fail on it proves nothing.
 */
class UnfencedRedis extends Redis {
  constructor(url: string) {
    super(url);
    this.on("error", () => undefined);
  }

  override call = ((command: string, values: readonly (string | number)[]): unknown => {
    // Scripts that the server knows already cannot be changed any more.
    if (command === "EVALSHA") return Promise.reject(new Error("NOSCRIPT on purpose"));
    const [lua, ...rest] = values;
    return super.call(command, [withoutFence(String(lua)), ...rest] as string[]);
  }) as unknown as Redis["call"];
}

const FENCE = "if values[2] ~= fence then return nil end";
const STATUS = "if values[1] ~= 'RUNNING' then return nil, values[1] end";

function withoutFence(lua: string): string {
  const isSuccess = lua.includes("'status', 'SUCCESSFUL', 'returnvalue'");
  if (!isSuccess) return lua;
  if (!lua.includes(FENCE) || !lua.includes(STATUS)) {
    throw new Error(`The fence of this script could not be taken away: ${lua}`);
  }
  // Whatever has become of the attempt, the job must not stay where it waits.
  const job = "local job = of(queue, id)";
  const leaveQueue = `${job} call('ZREM', of(queue, 'prioritized'), id)`;
  return lua.replace(FENCE, "").replace(STATUS, "").replace(job, leaveQueue);
}
