import { expect, it } from "vitest";

import { SessionWatch, type SeenSession } from "../../src/worker/session-watch.ts";

const LEASE_MS = 15_000;

/** A watch whose clock is moved by hand, and the ids it calls dead. */
function createWatch(): {
  readonly after: (ms: number, ...sessions: readonly SeenSession[]) => readonly string[];
  readonly expiredAfter: (ms: number, ...sessions: readonly SeenSession[]) => readonly string[];
} {
  let nowMs = 1000;
  const watch = new SessionWatch(() => nowMs);
  const observe = (ms: number, sessions: readonly SeenSession[]) => {
    nowMs += ms;
    return watch.observe(sessions);
  };
  const ids = (sessions: readonly SeenSession[]) => sessions.map(({ sessionId }) => sessionId);
  return {
    after: (ms, ...sessions) => ids(observe(ms, sessions).dead),
    expiredAfter: (ms, ...sessions) => ids(observe(ms, sessions).expired),
  };
}

function session(beat: SeenSession["beat"], sessionId = "s", leaseMs = LEASE_MS): SeenSession {
  return { sessionId, leaseMs, beat };
}

/** Polls as a worker does, until the session is dead. */
function msUntilDead(
  watch: ReturnType<typeof createWatch>,
  seen: SeenSession,
  stepMs = 500,
): number {
  for (let ms = 0; ms < 10 * LEASE_MS; ms += stepMs) {
    if (watch.after(ms === 0 ? 0 : stepMs, seen).length > 0) return ms;
  }
  return Number.POSITIVE_INFINITY;
}

it("calls a session dead when its heartbeat stood still for a lease", () => {
  expect(msUntilDead(createWatch(), session(7))).toBe(LEASE_MS);
  expect(msUntilDead(createWatch(), session(7, "s", 1000), 100)).toBe(1000);
});

it("begins anew with every change of the heartbeat, to whatever value", () => {
  const watch = createWatch();
  for (const beat of [7, 8, 3, 8]) {
    for (let poll = 0; poll < 29; poll++) expect(watch.after(500, session(beat))).toEqual([]);
  }
});

it("calls a session dead at once that ended, or is not registered", () => {
  expect(createWatch().after(0, session(null), session(1, "alive"))).toEqual(["s"]);
});

it("gives live sessions two thirds of a lease to renew after it could not watch", () => {
  const watch = createWatch();
  for (let poll = 0; poll <= 10; poll++) expect(watch.after(500, session(7))).toEqual([]);
  // The store was away, or this process was stopped.
  expect(watch.after(600_000, session(7))).toEqual([]);
  for (let poll = 0; poll < 19; poll++) expect(watch.after(500, session(7))).toEqual([]);
  expect(watch.after(500, session(7))).toEqual(["s"]);
});

it("finds dead sessions on a machine that is always late", () => {
  expect(msUntilDead(createWatch(), session(7), LEASE_MS / 2)).toBeLessThanOrEqual(4 * LEASE_MS);
});

it("watches a short lease at the usual rhythm, where others are long", () => {
  const watch = createWatch();
  const both = [session(7, "short", 100), session(7, "long")];
  expect(watch.after(0, ...both)).toEqual([]);
  expect(watch.after(500, ...both)).toEqual(["short"]);
});

it("forgets a session a minute after its death, and one that is no longer listed at once", () => {
  const watch = createWatch();
  expect(msUntilDead(watch, session(7))).toBe(LEASE_MS);
  for (let ms = 500; ms < 60_000; ms += 500)
    expect(watch.expiredAfter(500, session(7))).toEqual([]);
  expect(watch.expiredAfter(500, session(7))).toEqual(["s"]);
  expect(watch.after(500)).toEqual([]);
  expect(watch.after(500, session(7))).toEqual([]);
});
