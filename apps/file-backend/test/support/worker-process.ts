/** A worker on a folder: `node worker-process.ts <folder> <leaseMs>`. Runs until it is told to stop. */
import "./journal-task.ts";
import { FileBackend } from "@tasks/file-backend";

const [folder = "", leaseMs] = process.argv.slice(2);
const backend = new FileBackend({ folder, leaseMs: Number(leaseMs) });
const worker = await backend.createWorker({ concurrency: 4, intervalMs: 50 });
process.once("SIGTERM", () => void worker.stop());
await worker.run();
await backend.close();
