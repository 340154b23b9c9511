export { afterCommit } from "./after-commit.ts";
export type { CommitHook } from "./after-commit.ts";
export type { RedisClient } from "./connection/client.ts";
export type { RedisSource } from "./connection/open-redis.ts";
export type { RQBackendOptions } from "./options.ts";
export { RQBackend } from "./rq-backend.ts";
