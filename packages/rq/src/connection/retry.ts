/** Longest pause between two tries to connect, in milliseconds: a server that returns is noticed within this time. */
const LONGEST_MS = 1000;

/** Pauses that grow, with jitter, so that not all workers come back at the same moment. */
export function retryDelay(times: number): number {
  const longest = Math.min(LONGEST_MS, 25 * 2 ** Math.min(times, 10));
  return Math.round(longest * (0.5 + Math.random() / 2));
}
