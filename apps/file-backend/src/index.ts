export { FileBackend } from "./file-backend.ts";
export type { FileBackendOptions } from "./file-backend.ts";
