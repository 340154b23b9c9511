import { judge } from "./baseline.ts";
import { timeScaleOf, type BackendDefinition } from "./definition.ts";
import { describeFailure, formatFailure } from "./failure.ts";
import { TimeoutError, within, withTimeScale } from "./internal/deadline.ts";
import { currentCommit, packageVersion } from "./internal/origin.ts";
import { recordedTroubles, startRecording } from "./internal/recorder.ts";
import { withTrace } from "./internal/trace.ts";
import { Turns } from "./internal/turns.ts";
import { readProfile, whyNotApplicable, type Profile } from "./profile.ts";
import type { ConformanceReport, Outcome } from "./report.ts";
import { timeoutOf, type Requirement } from "./requirement.ts";
import { Scope } from "./scope.ts";
import type { Verdict } from "./verdict.ts";

/** After this many timeouts each further requirement has less time: a worker that does nothing is reported in minutes, not hours. */
const MAX_TIMEOUTS = 5;
const SHORT_TIMEOUT_MS = 5000;
/** How many requirements may be begun ahead, as a multiple of those side by side. */
const LOOK_AHEAD = 4;

/** One run of requirements against one backend. */
export class Suite {
  readonly definition: BackendDefinition;
  readonly requirements: readonly Requirement[];
  readonly #onOutcome: (outcome: Outcome) => void;
  readonly #verdicts = new Map<string, Promise<Verdict>>();
  readonly #outcomes = new Map<string, Outcome>();
  readonly #turns = new Turns();
  readonly #running = new Set<Promise<Verdict>>();
  /** Index of the requirement that was asked for last. */
  #asked = -1;
  #isEnding = false;
  #timeouts = 0;
  #profile: Promise<Profile> | undefined;

  constructor(
    definition: BackendDefinition,
    requirements: readonly Requirement[],
    onOutcome: (outcome: Outcome) => void = () => undefined,
  ) {
    this.definition = definition;
    this.requirements = requirements;
    this.#onOutcome = onOutcome;
  }

  /** Puts one requirement to the test, once; others are begun ahead as `parallel` allows. Never rejects. */
  async prove(requirement: Requirement): Promise<Verdict> {
    const verdict = this.#verdicts.get(requirement.id) ?? this.#begin(requirement);
    this.#asked = this.requirements.indexOf(requirement);
    this.#beginOthers();
    return verdict;
  }

  #begin(requirement: Requirement): Promise<Verdict> {
    const verdict = this.#turns.take(requirement.alone ?? false, () => this.#prove(requirement));
    this.#verdicts.set(requirement.id, verdict);
    this.#running.add(verdict);
    void verdict.then(() => {
      this.#running.delete(verdict);
      this.#beginOthers();
    });
    return verdict;
  }

  /** Keeps `parallel` requirements under test, so that a slow one holds nothing up: those that follow the one asked for last. */
  #beginOthers(): void {
    const { parallel = 1 } = this.definition;
    if (parallel === 1 || this.#isEnding) return;
    // Not all: a runner may ask for a few only.
    const end = this.#asked + 1 + LOOK_AHEAD * parallel;
    for (const next of this.requirements.slice(this.#asked + 1, end)) {
      if (this.#running.size >= parallel) return;
      if (!this.#verdicts.has(next.id)) void this.#begin(next);
    }
  }

  async #prove(requirement: Requirement): Promise<Verdict> {
    const verdict = judge(
      await this.#attempt(requirement),
      this.definition.baseline?.find(({ id }) => id === requirement.id),
    );
    this.#outcomes.set(requirement.id, verdict.outcome);
    this.#onOutcome(verdict.outcome);
    return verdict;
  }

  /** What has been found out. Begins nothing more, and waits for what is under test. */
  async report(): Promise<ConformanceReport> {
    this.#isEnding = true;
    await Promise.all(this.#running);
    const profile = await this.#readProfile().catch(() => undefined);
    return {
      name: this.definition.name,
      date: new Date().toISOString().slice(0, 10),
      version: packageVersion(),
      commit: currentCommit(),
      supports: profile?.supports ?? null,
      outcomes: this.requirements.flatMap(({ id }) => this.#outcomes.get(id) ?? []),
    };
  }

  async #attempt(requirement: Requirement): Promise<Verdict> {
    const { id } = requirement;
    const steps: string[] = [];
    try {
      const profile = await this.#readProfile();
      const reason = whyNotApplicable(requirement, profile);
      if (reason !== undefined) return { outcome: { id, status: "not-applicable", reason } };
      await this.#test(requirement, profile, steps);
      return { outcome: { id, status: "passed" } };
    } catch (error) {
      const failure = describeFailure(requirement, error, steps);
      const reason = formatFailure(failure);
      return {
        outcome: { id, status: "failed", reason, failure },
        error: withMessage(error, reason),
      };
    }
  }

  async #test(requirement: Requirement, profile: Profile, steps: string[]): Promise<void> {
    const stopRecording = startRecording();
    const scope = new Scope(this.definition, profile, requirement);
    const test = async (): Promise<void> => {
      await scope.open();
      await scope.enter(() =>
        within(
          this.#timeouts < MAX_TIMEOUTS ? timeoutOf(requirement) : SHORT_TIMEOUT_MS,
          `"${requirement.sentence}" was not settled`,
          requirement.test(scope),
        ),
      );
    };
    const timeScale = timeScaleOf(this.definition);
    const [tested] = await Promise.allSettled([
      withTimeScale(timeScale, () => withTrace(steps, test)),
    ]);
    const troubles = recordedTroubles();
    const [closed] = await Promise.allSettled([withTimeScale(timeScale, () => scope.close())]);
    stopRecording();
    // What the test found comes first; trouble at the end is often only its consequence.
    if (tested.status === "rejected") throw this.#explained(tested.reason, troubles);
    if (closed.status === "rejected") throw closed.reason;
  }

  /** A test that waited in vain shows nothing but that; what the framework said meanwhile shows why. */
  #explained(error: unknown, troubles: readonly string[]): unknown {
    if (!(error instanceof TimeoutError)) return error;
    this.#timeouts++;
    if (troubles.length === 0) return error;
    return new Error(`${error.message} Meanwhile: ${troubles.slice(0, 3).join(" ")}`);
  }

  #readProfile(): Promise<Profile> {
    this.#profile ??= readProfile(this.definition);
    return this.#profile;
  }
}

/** The same error, so that its stack and values stay, with another message. */
function withMessage(error: unknown, message: string): Error {
  if (!(error instanceof Error)) return new Error(message, { cause: error });
  const { stack = "" } = error;
  const frames = stack.slice(stack.indexOf("\n    at ") + 1);
  error.message = message;
  error.stack = `${error.name}: ${message}\n${frames}`;
  return error;
}
