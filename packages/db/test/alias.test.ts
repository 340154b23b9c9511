import { configureTasks, InvalidTaskBackend, task, withBackends } from "@tasks/core";
import { OutboxBackend } from "@tasks/core/outbox";
import { DatabaseBackend } from "@tasks/db";
import { describe, expect, it } from "vitest";

const memory = (): DatabaseBackend => new DatabaseBackend({ url: "sqlite::memory:" });

describe("a backend has one alias for life", () => {
  it("and is refused under another, in one configuration or in two", async () => {
    const backend = memory();
    const message =
      "This DatabaseBackend is the backend 'a' and cannot be 'b' as well. Make a backend for each alias.";
    expect(() => configureTasks({ backends: { a: backend, b: backend } })).toThrow(
      new InvalidTaskBackend(message),
    );
    await expect(withBackends({ b: backend }, () => null)).rejects.toThrow(message);
    await withBackends({ a: backend }, () => expect(backend.alias).toBe("a"));
    await withBackends({ b: () => backend }, async () => {
      const onB = task({ name: "alias.on-b", backend: "b" }, () => null);
      await expect(onB.enqueue()).rejects.toThrow(message);
    });
  });

  it("which is fixed by its first use, and not by migrations", async () => {
    await using used = memory();
    await used.migrate();
    await used.counts();
    expect(() => configureTasks({ backends: { reports: used } })).toThrow(
      "This DatabaseBackend was used as 'default' before it was configured as 'reports'. Configure backends before you use them.",
    );
    configureTasks({ backends: { default: used } });
    await using migrated = memory();
    await migrated.migrate();
    configureTasks({ backends: { reports: migrated } });
    expect(migrated.alias).toBe("reports");
  });

  it("which the target of an outbox inherits unless it has one", () => {
    const [alone, named] = [memory(), memory()];
    configureTasks({
      backends: {
        mail: new OutboxBackend({ target: alone, outbox: memory() }),
        default: new OutboxBackend({ target: named, outbox: memory() }),
        redis: named,
      },
    });
    expect([alone.alias, named.alias]).toEqual(["mail", "redis"]);
  });
});
