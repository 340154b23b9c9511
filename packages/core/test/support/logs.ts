import { taskLog, type LogRecord } from "@tasks/core";

/** Collects log records until it is disposed of. */
export function collectLogs(): LogRecord[] & Disposable {
  const records: LogRecord[] = [];
  const disconnect = taskLog.connect((record) => void records.push(record));
  return Object.assign(records, { [Symbol.dispose]: disconnect });
}
