import { parseArgs } from "node:util";

import type { ChaosOptions } from "./run-chaos.ts";
import { STORE_NAMES, type StoreName } from "./stores/store.ts";

export const CHAOS_USAGE = `Usage: pnpm --dir benchmarks chaos [sqlite|postgres|mariadb|redis|redis-everysec|redis-sentinel|redis-cluster] [options]

  redis           one server that writes everything through to the disk
  redis-everysec  one that does so once a second, and loses the rest in each crash, as if the power failed
  redis-sentinel  a master with a replica that takes over in a crash; there is no network to cut
  redis-cluster   three masters with replicas, likewise

  --seed n           drives load and faults (default: a random one)
  --tasks n          tasks to enqueue (default 5000; 10000 on a server)
  --seconds n        how long the faults go on (default 60)
  --workers n        worker processes (default 2; 4 on a server)
  --every n          milliseconds from one killed worker to the next, on average (default 500)
  --stalls n         workers that are frozen for longer than their lease (default 10)
  --crashes n        how often the server is killed and started again (default 5 on a server)
  --cuts n           how often the network to the server is cut (default 10 on a server)
  --lease n          lease in milliseconds (default 1500; 3000 on a server)
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
      stalls: { type: "string" },
      crashes: { type: "string" },
      cuts: { type: "string" },
      lease: { type: "string" },
      broken: { type: "string" },
    },
  });
  if (values.help === true) return "help";
  const [store = "sqlite"] = positionals;
  if (!isStoreName(store)) {
    throw new TypeError(`There is no store '${store}'. There are: ${STORE_NAMES.join(", ")}.`);
  }
  const isServer = store !== "sqlite";
  const hasNetwork = isServer && store !== "redis-sentinel" && store !== "redis-cluster";
  const { broken = null } = values;
  if (broken !== null && broken !== "unfenced") {
    throw new TypeError(`--broken must be unfenced, not '${broken}'.`);
  }
  return {
    seed: whole("seed", values.seed, Math.floor(Math.random() * LARGEST_SEED)),
    store,
    tasks: whole("tasks", values.tasks, isServer ? 10_000 : 5000),
    seconds: whole("seconds", values.seconds, 60),
    workers: whole("workers", values.workers, isServer ? 4 : 2),
    everyMs: whole("every", values.every, 500),
    stalls: whole("stalls", values.stalls, 10),
    crashes: isServer ? whole("crashes", values.crashes, 5) : 0,
    cuts: hasNetwork ? whole("cuts", values.cuts, 10) : 0,
    leaseMs: whole("lease", values.lease, isServer ? 3000 : 1500),
    broken,
  };
}

/** The command that does the same again. */
export function toCommand(options: ChaosOptions): string {
  const { store, seed, tasks, seconds, workers, everyMs, leaseMs, broken } = options;
  const { stalls, crashes, cuts } = options;
  const words = [
    `pnpm --dir benchmarks chaos ${store} --seed ${seed} --tasks ${tasks} --seconds ${seconds}`,
    `--workers ${workers} --every ${everyMs} --stalls ${stalls} --lease ${leaseMs}`,
    ...(store === "sqlite" ? [] : [`--crashes ${crashes} --cuts ${cuts}`]),
    ...(broken === null ? [] : [`--broken ${broken}`]),
  ];
  return words.join(" ");
}

function isStoreName(name: string): name is StoreName {
  return (STORE_NAMES as readonly string[]).includes(name);
}

function whole(option: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new TypeError(`--${option} must be a whole number from 0, not '${text}'.`);
}
