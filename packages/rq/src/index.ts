export { afterCommit } from "./after-commit.ts";
export type { CommitHook } from "./after-commit.ts";
export type { RedisClient } from "./connection/client.ts";
export type { RedisSource } from "./connection/open-redis.ts";
export { RQBackend } from "./rq-backend.ts";
export type { RQBackendOptions } from "./rq-backend.ts";
