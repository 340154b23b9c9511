/** A process of its own: `node enqueue-many.ts <url> <calls> <bytes>`. Enqueues that many calls at once, and prints how many results there are. */
import { configureTasks, task } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

const [url = "", calls, bytes] = process.argv.slice(2);
const read = task({ name: "db.read" }, (_text: string, index: number) => index);
const backend = new DatabaseBackend({ url });
await backend.migrate();
configureTasks({ backends: { default: backend } });
// The results share this one text, so what they need does not depend on its length.
const text = "x".repeat(Number(bytes));

function* arguments_(): Generator<[string, number]> {
  for (let index = 0; index < Number(calls); index++) yield [text, index];
}

const results = await read.enqueueMany(arguments_());
const { READY } = await backend.counts();
process.stdout.write(`${results.length} ${READY}\n`);
await backend.close();
