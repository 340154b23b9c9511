import { parseArgs } from "node:util";

import type { ChaosOptions } from "./run-chaos.ts";

export const CHAOS_USAGE = `Usage: pnpm --dir benchmarks chaos [sqlite] [options]

  --seed n           drives load and faults (default: a random one)
  --tasks n          tasks to enqueue (default 5000)
  --seconds n        how long workers are killed (default 60)
  --workers n        worker processes (default 2)
  --every n          milliseconds from one fault to the next, on average (default 500)
  --lease n          lease in milliseconds (default 1500)
  --broken unfenced  run on a store that stores outcomes no matter who brings them: must fail`;

const LARGEST_SEED = 2 ** 31;

/** Reads the command line. @throws TypeError for an unknown option or a bad value. */
export function readChaosOptions(args: readonly string[]): ChaosOptions | "help" {
  const { values, positionals } = parseArgs({
    // Script runners hand over the dashes that end their own options.
    args: args[0] === "--" ? args.slice(1) : [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      seed: { type: "string" },
      tasks: { type: "string" },
      seconds: { type: "string" },
      workers: { type: "string" },
      every: { type: "string" },
      lease: { type: "string" },
      broken: { type: "string" },
    },
  });
  if (values.help === true) return "help";
  const [store = "sqlite"] = positionals;
  if (store !== "sqlite") throw new TypeError(`There is no store '${store}'. There is: sqlite.`);
  const { broken = null } = values;
  if (broken !== null && broken !== "unfenced") {
    throw new TypeError(`--broken must be unfenced, not '${broken}'.`);
  }
  return {
    seed: whole("seed", values.seed, Math.floor(Math.random() * LARGEST_SEED)),
    tasks: whole("tasks", values.tasks, 5000),
    seconds: whole("seconds", values.seconds, 60),
    workers: whole("workers", values.workers, 2),
    everyMs: whole("every", values.every, 500),
    leaseMs: whole("lease", values.lease, 1500),
    broken,
  };
}

/** The command that does the same again. */
export function toCommand(options: ChaosOptions): string {
  const { seed, tasks, seconds, workers, everyMs, leaseMs, broken } = options;
  const command = `pnpm --dir benchmarks chaos sqlite --seed ${seed} --tasks ${tasks} --seconds ${seconds} --workers ${workers} --every ${everyMs} --lease ${leaseMs}`;
  return broken === null ? command : `${command} --broken ${broken}`;
}

function whole(option: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new TypeError(`--${option} must be a whole number from 0, not '${text}'.`);
}
