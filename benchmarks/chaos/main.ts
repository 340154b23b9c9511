/** Kills workers at random while they work, and tells whether a task was lost or succeeded twice. */
import { MAX_LOST } from "./chaos-task.ts";
import { isSound } from "./check.ts";
import { CHAOS_USAGE, readChaosOptions, toCommand } from "./options.ts";
import { runChaos, type ChaosOptions, type ChaosReport } from "./run-chaos.ts";

const options = readChaosOptions(process.argv.slice(2));
if (options === "help") console.log(CHAOS_USAGE);
else await main(options);
// After servers and workers were killed Node may find an end of its event loop that never comes.
process.exit();

async function main(options: ChaosOptions): Promise<void> {
  console.log(`Replay: ${toCommand(options)}`);
  const report = await runChaos(options);
  console.log(format(report));
  if (isSound(report)) return;
  console.log(`FAILED. Replay: ${toCommand(options)}`);
  process.exitCode = 1;
}

function format(report: ChaosReport): string {
  const { recoveryMs, executions } = report;
  const begun = [...executions].map(([times, tasks]) => `${times}× ${tasks}`).join(", ");
  return [
    `${report.acknowledged} tasks acknowledged, ${report.refused} refused`,
    `${report.kills} workers killed, ${report.stalls} stalled for longer than their lease, ${report.crashes} crashes of the server, ${report.cuts} cuts of the network`,
    `finished ${(report.settledMs / 1000).toFixed(1)} s after the last fault`,
    `lost: ${report.lost.length}`,
    `double successes: ${report.doubleSuccesses.length}`,
    `failed: ${report.failed.length}`,
    `successful without an execution that ended: ${report.unexplained.length}`,
    `tasks by executions (at most ${MAX_LOST + 1}): ${begun}`,
    `from kill to running elsewhere: p50 ${recoveryMs.p50} ms, p99 ${recoveryMs.p99} ms (${recoveryMs.count} executions)`,
  ].join("\n");
}
