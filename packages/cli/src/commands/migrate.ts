import type { Backend } from "@tasks/core";
import { Command, InvalidArgumentError, Option } from "commander";

import { UsageError } from "../errors.ts";
import { jsonOption, parseWhole } from "../options.ts";
import { escapeText } from "../output/escape.ts";
import { createPrinter } from "../output/print.ts";
import { withSession, type CliContext, type Session } from "../session.ts";

const HELP = `
Without --backend every backend that has a schema is brought up to date; the
others need nothing. Processes that migrate at the same time wait for each
other, so it is safe to run this in every deployment.

--dry-run names the steps that would be taken, and --sql prints their
statements: what is missing in the database as it is now. Neither changes
anything.

Examples:
  $ tasks migrate
  $ tasks migrate --dry-run
  $ tasks migrate --sql > upgrade.sql
  $ tasks migrate --backend default --to 0     remove everything`;

/** What a backend with a schema offers. The command knows no backend by name. */
interface Migratable {
  /** Resolves with the steps taken. */
  migrate(options?: { readonly to?: number | undefined }): Promise<readonly string[]>;
  /** What `migrate` would do, and nothing of it done. */
  planMigration?(options?: { readonly to?: number | undefined }): Promise<readonly PlannedStep[]>;
}

interface PlannedStep {
  readonly step: string;
  /** Statements, ended by semicolons. */
  readonly sql: string;
}

interface MigrateFlags {
  readonly backend?: string;
  readonly to?: number;
  readonly dryRun?: boolean;
  readonly sql?: boolean;
  readonly json?: boolean;
}

/** `tasks migrate` */
export function migrateCommand(context: CliContext): Command {
  return new Command("migrate")
    .description("create or update the tables of database backends")
    .option("--backend <alias>", "only this backend (default: all)")
    .addOption(
      new Option(
        "--to <version>",
        "go to this version, up or down; 0 removes everything",
      ).argParser(parseVersion),
    )
    .option("--dry-run", "name the steps that would be taken, and take none")
    .addOption(
      new Option("--sql", "print the SQL of those steps instead of running it").conflicts("dryRun"),
    )
    .addOption(jsonOption().conflicts("sql"))
    .addHelpText("after", HELP)
    .action(async (flags: MigrateFlags, command: Command) => {
      await withSession(context, command, {}, async (session) => {
        if (flags.to !== undefined && flags.backend === undefined) {
          throw new UsageError("--to needs --backend: versions belong to one backend.");
        }
        const backends = findMigratable(session, flags.backend);
        const printer = createPrinter(context.io);
        if (flags.sql === true) {
          for (const [alias, backend] of backends) {
            const plan = await planOf(alias, backend, flags.to);
            const sql = plan.map((planned) => planned.sql).join("");
            printer.text(`-- ${escapeText(alias)}${sql === "" ? ": nothing to do." : ""}\n${sql}`);
          }
          return;
        }
        const report: { readonly backend: string; readonly steps: readonly string[] }[] = [];
        const would = flags.dryRun === true ? "would take " : "";
        for (const [alias, backend] of backends) {
          const steps =
            flags.dryRun === true
              ? (await planOf(alias, backend, flags.to)).map(({ step }) => step)
              : await backend.migrate({ to: flags.to });
          report.push({ backend: alias, steps });
          if (flags.json === true) continue;
          for (const step of steps)
            printer.line(`${escapeText(alias)}: ${would}${escapeText(step)}`);
          if (steps.length === 0) printer.line(`${escapeText(alias)}: nothing to do.`);
        }
        if (flags.json === true) return printer.json(report);
        if (report.length === 0) printer.line("No backend of this configuration has migrations.");
      });
    });
}

function findMigratable(
  session: Session,
  alias: string | undefined,
): readonly (readonly [string, Migratable])[] {
  const found: [string, Migratable][] = [];
  for (const name of alias === undefined ? session.aliases() : [alias]) {
    const backend = session.backend(name);
    if (isMigratable(backend)) found.push([name, backend]);
    else if (alias !== undefined) {
      throw new UsageError(
        `Backend '${alias}' has no migrations: a ${backend.constructor.name} needs no schema.`,
      );
    }
  }
  return found;
}

function isMigratable(backend: Backend): backend is Backend & Migratable {
  return "migrate" in backend && typeof backend.migrate === "function";
}

async function planOf(
  alias: string,
  backend: Migratable,
  to: number | undefined,
): Promise<readonly PlannedStep[]> {
  if (backend.planMigration === undefined) {
    throw new UsageError(
      `Backend '${alias}' cannot say what it would do: it has no planMigration().`,
    );
  }
  return backend.planMigration({ to });
}

function parseVersion(text: string): number {
  const version = parseWhole(text);
  if (version < 0) throw new InvalidArgumentError("Must not be negative.");
  return version;
}
