import { log, taskLog, type LogRecord } from "@tasks/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("with nothing connected", () => {
  let lines: string[];
  beforeEach(() => {
    lines = [];
    for (const level of ["debug", "info", "log", "warn", "error"] as const) {
      vi.spyOn(console, level).mockImplementation(
        (...parts) => void lines.push(`${level}: ${parts.join(" ")}`),
      );
    }
  });
  afterEach(() => vi.restoreAllMocks());

  it("prints warnings and errors, and nothing else", () => {
    log("debug", "a");
    log("info", "b");
    log("warn", "c");
    log("error", "d");
    expect(lines).toEqual(["warn: c", "error: d"]);
  });

  it("shows the error, without credentials", () => {
    log("error", "failed", { error: new Error("cannot reach redis://u:s3cret@host") });
    expect(lines[0]).toContain("error: failed Error: cannot reach redis://***@host");
    expect(lines[0]).not.toContain("s3cret");
  });

  it("lets no text write lines of its own or command the terminal", () => {
    log("warn", "name\u001b[31m\r\nTask id=1 state=SUCCESSFUL\u009b2J\u0007");
    expect(lines).toEqual([
      String.raw`warn: name\x1b[31m` + "\n" + String.raw`    Task id=1 state=SUCCESSFUL\x9b2J\x07`,
    ]);
  });
});

it("goes to whoever is connected, and no longer to stderr", () => {
  const records: LogRecord[] = [];
  const print = vi.spyOn(console, "warn");
  const disconnect = taskLog.connect((record) => void records.push(record));
  try {
    const error = new Error("why");
    log("warn", "careful", { taskId: "id-1", error });
    log("debug", "detail");
    expect(records).toEqual([
      { level: "warn", message: "careful", taskId: "id-1", error },
      { level: "debug", message: "detail" },
    ]);
    expect(print).not.toHaveBeenCalled();
  } finally {
    disconnect();
    print.mockRestore();
  }
});

it("survives a receiver that throws, and says so on stderr", async () => {
  const print = vi.spyOn(console, "error").mockImplementation(() => {});
  const records: string[] = [];
  const disconnects = [
    taskLog.connect(() => {
      throw new Error("logger is down");
    }),
    taskLog.connect(({ message }) => void records.push(message)),
  ];
  try {
    log("info", "hello");
    await vi.waitFor(() => expect(records).toEqual(["hello"]), { timeout: 20_000 });
    expect(print.mock.calls[0]?.[0]).toContain(
      "A receiver of taskLog failed: Error: logger is down",
    );
  } finally {
    for (const disconnect of disconnects) disconnect();
    print.mockRestore();
  }
});
