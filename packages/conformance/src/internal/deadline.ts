/** Something did not happen in time. */
export class NotInTime extends Error {
  constructor(what: string, ms: number) {
    super(`${what}: not within ${ms} ms.`);
  }
}

/** Rejects with a sentence that says what did not happen, when a promise takes longer than `ms`. */
export async function within<T>(ms: number, what: string, promise: Promise<T> | T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NotInTime(what, ms)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again until `check` gives something truthy, which it resolves with. For facts that no event announces. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number | undefined } = {},
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value as Exclude<T, false | undefined>;
    if (performance.now() > deadline) throw new NotInTime(what, timeoutMs);
    await pause(5);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
