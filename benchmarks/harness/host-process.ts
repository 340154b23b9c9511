/** A process of its own for one contender: opens its queue in the given place and obeys commands. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Queue, Work } from "../contenders/contender.ts";
import { findContender } from "../contenders/stores.ts";
import {
  monotonicMs,
  type CommandName,
  type Commands,
  type Message,
  type Request,
  type Spent,
} from "./commands.ts";
import { JobLog } from "./job-log.ts";

/** How often a worker tells how far it is, in milliseconds. */
const PROGRESS_MS = 5;

type Handlers = {
  readonly [Name in CommandName]: (
    input: Commands[Name]["input"],
  ) => Promise<Commands[Name]["output"]>;
};

const [, , store = "", contender = "", address = ""] = process.argv;
const handlers = createHandlers(await findContender(store, contender).open(address));

process.on("message", (request: Request) => void obey(request));
process.on("disconnect", () => process.exit());
send({ type: "ready" });

async function obey({ name, input }: Request): Promise<void> {
  try {
    send({ type: "answer", output: await handlers[name](input as never) });
  } catch (error) {
    send({ type: "failed", error: error instanceof Error ? String(error.stack) : String(error) });
  }
}

function createHandlers(queue: Queue): Handlers {
  let log = new JobLog();
  let working: Work | undefined;
  let progress: NodeJS.Timeout | undefined;
  return {
    enqueueOneByOne: ({ first, count }) =>
      measure(async () => {
        for (let job = first; job < first + count; job++) await queue.enqueue(job);
      }),
    enqueueTogether: ({ first, count, width }) =>
      measure(async () => {
        if (queue.enqueueTogether === undefined) await enqueueInLanes(queue, first, count, width);
        else for (const jobs of chunks(first, count, width)) await queue.enqueueTogether(jobs);
      }),
    enqueueBulk: ({ first, count, size, to }) =>
      measure(async () => {
        for (const jobs of chunks(first, count, size)) await queue.enqueueMany(jobs, to);
      }),
    enqueuePaced: async ({ first, count, pausesMs }) => {
      const moments: number[] = [];
      for (let index = 0; index < count; index++) {
        await sleep(pausesMs[index]);
        moments.push(monotonicMs());
        await queue.enqueue(first + index);
      }
      return moments;
    },
    startWork: async ({ oneAtATime }) => {
      log = new JobLog();
      let reported = 0;
      progress = setInterval(() => {
        if (log.count !== reported) send({ type: "progress", handled: log.count });
        reported = log.count;
      }, PROGRESS_MS);
      working = await queue.work((job) => log.handle(job), { oneAtATime });
      return null;
    },
    rest: ({ ms }) => measure(() => sleep(ms)),
    stopWork: async () => {
      await working?.stop();
      clearInterval(progress);
      return log.report();
    },
  };
}

async function enqueueInLanes(
  queue: Queue,
  first: number,
  count: number,
  width: number,
): Promise<void> {
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + count) await queue.enqueue(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

async function measure(action: () => Promise<void>): Promise<Spent> {
  const cpuAtStart = process.cpuUsage();
  const startedAtMs = monotonicMs();
  await action();
  const ms = monotonicMs() - startedAtMs;
  const { user, system } = process.cpuUsage(cpuAtStart);
  return { ms, cpuUs: user + system, rssBytes: process.memoryUsage.rss() };
}

function* chunks(first: number, count: number, size: number): Generator<number[]> {
  for (let start = first; start < first + count; start += size) {
    const length = Math.min(size, first + count - start);
    yield Array.from({ length }, (_, index) => start + index);
  }
}

function send(message: Message): void {
  process.send?.(message);
}
