export { OutboxBackend } from "./outbox-backend.ts";
export type { OutboxOptions } from "./outbox-backend.ts";
