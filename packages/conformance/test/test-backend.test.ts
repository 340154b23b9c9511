import { requirements, testBackend, type TestContext } from "@tasks/conformance";
import { DummyBackend } from "@tasks/core";
import { describe, expect, it } from "vitest";

interface Registered {
  readonly path: readonly string[];
  readonly test: (context?: TestContext) => Promise<void>;
}

/** Registers the suite with a runner that only takes notes. */
function register(Backend: typeof DummyBackend): readonly Registered[] {
  const tests: Registered[] = [];
  const path: string[] = [];
  testBackend(
    {
      describe: (name, define) => {
        path.push(name);
        define();
        path.pop();
      },
      it: (name, test) => tests.push({ path: [...path, name], test }),
    },
    {
      name: "noted",
      createBackend: ({ queues }) => new Backend({ queues }),
    },
  );
  return tests;
}

function find(tests: readonly Registered[], id: string): Registered {
  return tests.find(({ path }) => path.at(-1)!.startsWith(`${id}: `))!;
}

/** Forgets what it was given. */
class Forgetful extends DummyBackend {
  override async readRecord(): Promise<undefined> {
    return undefined;
  }
}

describe("testBackend with a runner of one's own", () => {
  it("registers one test per requirement, below its topic", () => {
    const tests = register(DummyBackend);
    expect(tests).toHaveLength(requirements.length + 1);
    expect(find(tests, "enqueue.ready").path.slice(0, 2)).toEqual([
      "conformance of noted",
      "enqueue",
    ]);
  });

  it("hands over functions without parameters, which no runner takes for callbacks", () => {
    expect(register(DummyBackend).filter(({ test }) => test.length > 0)).toEqual([]);
  });

  it("lets a test pass, fail, or be skipped with its reason", async () => {
    const reasons: unknown[] = [];
    const context = { skip: (reason?: string) => reasons.push(reason) };
    const tests = register(DummyBackend);
    await find(tests, "enqueue.ready").test(context);
    expect(reasons).toEqual([]);
    await find(tests, "worker.batch").test(context);
    expect(reasons).toEqual(["supports no worker"]);
    await find(tests, "worker.batch").test();
    const broken = find(register(Forgetful), "result.get");
    await expect(broken.test(context)).rejects.toThrow("does not exist");
  });
});
