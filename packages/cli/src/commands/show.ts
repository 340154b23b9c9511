import type { Backend, TaskResult } from "@tasks/core";
import type { Command } from "commander";

import { escapeText } from "../output/escape.ts";
import { describeResult } from "../output/result-text.ts";
import type { CliContext } from "../session.ts";
import { resultCommand } from "./result-command.ts";

const HELP = `
Examples:
  $ tasks show 0193f3a2c0de7abc8def0123456789ab
  $ tasks show 0193f3a2c0de7abc8def0123456789ab --json | jq .returnValue`;

/** `tasks show` */
export function showCommand(context: CliContext): Command {
  return resultCommand(context, {
    name: "show",
    description: "show everything about one result",
    help: HELP,
    action: async ({ id, backend, printer, isJson }) => {
      const result = await backend.getResult(id);
      const hint = isJson ? undefined : await unservedHint(backend, result);
      if (isJson) printer.json({ ...result.toJSON(), logs: result.logs });
      else describeResult(result, backend.now(), printer.style).forEach(printer.line);
      if (hint !== undefined) printer.line(`\n${printer.style("dim", hint)}`);
    },
  });
}

/** Why a ready task does not start: no running worker serves its queue. */
async function unservedHint(backend: Backend, result: TaskResult): Promise<string | undefined> {
  const { state, queueName } = result;
  if (state !== "ready" || !backend.supports.worker || !backend.supports.list) return undefined;
  const workers = await backend.workers();
  const isServed = workers.some(
    ({ alive, queueNames }) =>
      alive && (queueNames.includes("*") || queueNames.includes(queueName)),
  );
  return isServed
    ? undefined
    : `No running worker serves queue ${escapeText(queueName)}. Start one: tasks worker --queue-name ${escapeText(queueName)}`;
}
