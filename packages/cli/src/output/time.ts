const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A length of time in its largest unit: `12s`, `5m`, `3h`, `9d`. */
export function formatDuration(durationMs: number): string {
  for (const [unit, length] of UNITS) {
    if (durationMs >= length) return `${Math.floor(durationMs / length)}${unit}`;
  }
  return `${Math.max(0, Math.round(durationMs))}ms`;
}

/** A moment as people say it: `5m ago`, `in 3h`, `now`. */
export function formatRelative(moment: Date, now: Date): string {
  const differenceMs = moment.getTime() - now.getTime();
  if (Math.abs(differenceMs) < 1000) return "now";
  return differenceMs < 0
    ? `${formatDuration(-differenceMs)} ago`
    : `in ${formatDuration(differenceMs)}`;
}
