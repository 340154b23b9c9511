import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

/** How much of everything. */
export interface Sizes {
  readonly rounds: number;
  /** Jobs of the enqueue scenarios but the bulk one. */
  readonly enqueue: number;
  readonly bulk: number;
  readonly drain: number;
  readonly drainOneAtATime: number;
  /** Enqueues of each latency. */
  readonly samples: number;
  /** Rows beside the drained ones. */
  readonly finished: number;
  readonly tomorrow: number;
  readonly other: number;
}

/** What the command line asks for. */
export interface Options {
  readonly store: string;
  readonly sizes: Sizes;
  /** Parts of the names of the scenarios and contenders to run; all when empty. */
  readonly only: readonly string[];
  readonly contenders: readonly string[];
  readonly folder: string;
}

const FULL: Sizes = {
  rounds: 5,
  enqueue: 20_000,
  bulk: 100_000,
  drain: 100_000,
  drainOneAtATime: 30_000,
  samples: 200,
  finished: 1_000_000,
  tomorrow: 200_000,
  other: 100_000,
};

const QUICK: Sizes = {
  rounds: 1,
  enqueue: 5000,
  bulk: 30_000,
  drain: 30_000,
  drainOneAtATime: 10_000,
  samples: 50,
  finished: 100_000,
  tomorrow: 20_000,
  other: 10_000,
};

export const USAGE = `Usage: pnpm --dir benchmarks bench [sqlite | postgres | mariadb | redis] [options]

  --quick              small sizes and one round: about a minute
  --only a,b           scenarios whose names contain one of these
  --contenders a,b     contenders whose names contain one of these
  --dir path           where the files of SQLite and Redis go (default: the system's folder for temporary files)
  --rounds n           how often everything is measured
  --enqueue n, --bulk n, --drain n, --drain-one-at-a-time n     jobs of these scenarios
  --samples n          enqueues of each latency
  --finished n, --tomorrow n, --other n     rows that stand beside the drained ones`;

/** Reads the command line. @throws TypeError for an unknown option. */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values, positionals } = parseArgs({
    // Script runners hand over the dashes that end their own options.
    args: args[0] === "--" ? args.slice(1) : [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      quick: { type: "boolean" },
      only: { type: "string" },
      contenders: { type: "string" },
      dir: { type: "string" },
      rounds: { type: "string" },
      enqueue: { type: "string" },
      bulk: { type: "string" },
      drain: { type: "string" },
      "drain-one-at-a-time": { type: "string" },
      samples: { type: "string" },
      finished: { type: "string" },
      tomorrow: { type: "string" },
      other: { type: "string" },
    },
  });
  if (values.help === true) return "help";
  const base = values.quick === true ? QUICK : FULL;
  return {
    store: positionals[0] ?? "sqlite",
    sizes: {
      rounds: count("rounds", values.rounds, base.rounds),
      enqueue: count("enqueue", values.enqueue, base.enqueue),
      bulk: count("bulk", values.bulk, base.bulk),
      drain: count("drain", values.drain, base.drain),
      drainOneAtATime: count(
        "drain-one-at-a-time",
        values["drain-one-at-a-time"],
        base.drainOneAtATime,
      ),
      samples: count("samples", values.samples, base.samples),
      finished: count("finished", values.finished, base.finished),
      tomorrow: count("tomorrow", values.tomorrow, base.tomorrow),
      other: count("other", values.other, base.other),
    },
    only: list(values.only),
    contenders: list(values.contenders),
    folder: values.dir ?? tmpdir(),
  };
}

function count(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new TypeError(`--${option} must be a whole number from 1, not '${text}'.`);
}

function list(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(",").filter((part) => part !== "");
}
