import type { Contender, Destination } from "../../contenders/contender.ts";
import { Observer, temporaryFile, type TemporaryFile } from "../../harness/file.ts";
import { Host } from "../../harness/host.ts";
import { measureDrain } from "../drain/drain.ts";
import type { Scenario, Setting } from "../scenario.ts";

/** What stands in the table beside the jobs that are drained. */
type Kind = "finished" | "tomorrow" | "other";

/** Rows in one call while a backlog is built. */
const FILL_SIZE = 10_000;
/** Numbers the jobs of a backlog beyond any that is drained. */
const FIRST_JOB = 1_000_000_000;

/** Drains with a backlog beside, to be compared with the drain of an empty store. */
export function backlogScenario(kind: Kind, size: number): Scenario {
  const id = `backlog-${kind}`;
  const templates = new Map<string, TemporaryFile>();
  return {
    name: id,
    rows: [{ id, title: titleOf(kind, size), unit: "/s" }],
    run: async (setting) => {
      const { contender } = setting;
      const template = templates.get(contender.name) ?? (await build(setting, kind, size));
      templates.set(contender.name, template);
      const options = { processes: 1, oneAtATime: false, template: template.path };
      return { [id]: await measureDrain(setting, options) };
    },
    dispose: async () => {
      for (const template of templates.values()) await template[Symbol.asyncDispose]();
    },
  };
}

function titleOf(kind: Kind, size: number): string {
  const count = size.toLocaleString("en");
  switch (kind) {
    case "finished":
      return `drain, beside ${count} finished`;
    case "tomorrow":
      return `drain, beside ${count} due tomorrow`;
    case "other":
      return `drain, beside ${count} of another queue`;
  }
}

async function build(
  { contender, folder }: Setting,
  kind: Kind,
  size: number,
): Promise<TemporaryFile> {
  const file = await temporaryFile(folder);
  await fill(contender, file.path, kind === "finished" ? "main" : kind, size);
  using observer = new Observer(file.path);
  if (kind === "finished") observer.exec(contender.finishAllSql);
  observer.exec("pragma wal_checkpoint(truncate)");
  return file;
}

async function fill(
  contender: Contender,
  file: string,
  to: Destination,
  size: number,
): Promise<void> {
  await using host = await Host.start(contender, file);
  await host.call("enqueueBulk", { first: FIRST_JOB, count: size, size: FILL_SIZE, to });
}
