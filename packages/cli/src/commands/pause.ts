import type { Backend } from "@tasks/core";
import { Command } from "commander";

import { backendOption, jsonOption } from "../options.ts";
import { createPrinter } from "../output/print.ts";
import { withSession, type CliContext } from "../session.ts";

const PAUSE_HELP = `
Running tasks end as usual. Workers everywhere leave the others of the queue
alone until it is resumed; enqueueing goes on.

Example:
  $ tasks pause emails`;

const RESUME_HELP = `
Workers that wait go on by themselves.

Example:
  $ tasks resume emails`;

/** `tasks pause` */
export function pauseCommand(context: CliContext): Command {
  return queueCommand(context, {
    name: "pause",
    description: "hold up a queue",
    help: PAUSE_HELP,
    change: async (backend, queueName) => backend.pause(queueName),
    said: ({ ready, running }) =>
      `is paused: ${count(ready, "ready task")} ${ready === 1 ? "waits" : "wait"}, ${running} running.`,
  });
}

/** `tasks resume` */
export function resumeCommand(context: CliContext): Command {
  return queueCommand(context, {
    name: "resume",
    description: "let a paused queue go on",
    help: RESUME_HELP,
    change: async (backend, queueName) => backend.resume(queueName),
    said: ({ ready }) => `goes on: ${count(ready, "ready task")}.`,
  });
}

interface QueueCommand {
  readonly name: string;
  readonly description: string;
  readonly help: string;
  readonly change: (backend: Backend, queueName: string) => Promise<void>;
  readonly said: (held: { readonly ready: number; readonly running: number }) => string;
}

function queueCommand(
  context: CliContext,
  { name, description, help, change, said }: QueueCommand,
): Command {
  return new Command(name)
    .description(description)
    .argument("<queue>", "name of the queue")
    .addOption(backendOption())
    .addOption(jsonOption())
    .addHelpText("after", help)
    .action(
      async (
        queueName: string,
        flags: { readonly backend: string; readonly json?: boolean },
        command: Command,
      ) => {
        await withSession(context, command, {}, async (session) => {
          const backend = session.backend(flags.backend);
          await change(backend, queueName);
          const queue = (await backend.queues()).find((one) => one.name === queueName);
          const { ready = 0, running = 0, paused = false } = queue ?? {};
          const printer = createPrinter(context.io);
          if (flags.json === true) printer.json({ queueName, paused, ready, running });
          else printer.line(`Queue ${queueName} ${said({ ready, running })}`);
        });
      },
    );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
