import { describe, expect, it, vi } from "vitest";

import { createDatabaseProject } from "./helpers/database-project.ts";

const NOW = ["--no-startup-delay", "--interval", "0.05"];

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM", "SIGQUIT"] as const)(
    "%s lets the running task finish, then ends with 0",
    async (signal) => {
      await using project = await createDatabaseProject();
      const id = await project.enqueue("slow", [600]);
      const command = project.start(["worker", ...NOW, "--worker-id", "patient"]);
      await command.sees("state=RUNNING");
      const running = await project.backend.getResult(id);
      expect(running).toMatchObject({ status: "RUNNING", workerIds: ["patient"] });
      const later = await project.enqueue("add", [1, 2]);
      command.child.kill(signal);
      await command.sees(
        `Received ${signal} - shutting down gracefully... (press Ctrl+C again to force)`,
      );
      expect(await command.ends()).toMatchObject({ code: 0, signal: null });
      expect(await project.statusOf(id)).toBe("SUCCESSFUL");
      expect(["READY", "SUCCESSFUL"]).toContain(await project.statusOf(later));
    },
  );

  it("ends an idle worker at once", async () => {
    await using project = await createDatabaseProject();
    const command = project.start(["worker", "--interval", "60", "--no-startup-delay"]);
    await command.sees("Starting worker");
    command.child.kill("SIGTERM");
    const { code, tookMs } = await command.ends();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(3000);
  });

  it("ends a worker in its startup delay at once", async () => {
    await using project = await createDatabaseProject();
    const command = project.start(["worker", "--interval", "3600"]);
    await command.sees("Starting worker");
    command.child.kill("SIGTERM");
    const { code, tookMs } = await command.ends();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(3000);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGQUIT", 131],
    ["SIGTERM", 143],
  ] as const)("%s twice ends the process at once with %d", async (signal, exitCode) => {
    await using project = await createDatabaseProject();
    await project.enqueue("slow", [60_000]);
    const command = project.start(["worker", ...NOW]);
    await command.sees("state=RUNNING");
    command.child.kill(signal);
    await command.sees("shutting down gracefully");
    await vi.waitFor(
      () => {
        command.child.kill(signal);
        expect(command.output()).toContain(`Received ${signal} - terminating current task.`);
      },
      { timeout: 20_000, interval: 150 },
    );
    const { code, tookMs } = await command.ends();
    expect(code).toBe(exitCode);
    expect(tookMs).toBeLessThan(3000);
  });
});

describe("the shutdown deadline", () => {
  it("ends the process within half a second after the deadline, and gives the task back", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("stubborn", [60_000]);
    const command = project.start(["worker", ...NOW, "--shutdown-timeout", "0.5"]);
    await command.sees("state=RUNNING");
    command.child.kill("SIGTERM");
    const { code, tookMs } = await command.ends();
    expect(command.output()).toContain("told to stop");
    expect(code).toBe(0);
    expect(tookMs).toBeGreaterThanOrEqual(450);
    expect(tookMs).toBeLessThan(1000);
    expect(await project.backend.getResult(id)).toMatchObject({ status: "READY", attempts: 0 });
  });
});
