/** Lines of a plain table: the first column to the left, the others to the right. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  return [line(header), rule, ...rows.map(line)].join("\n");
}

/** A number with as many digits as it deserves. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1000) return roundTo(value, 3).toLocaleString("en");
  return String(roundTo(value, value >= 100 ? 3 : 2));
}

/** A ratio, or a dash. */
export function formatRatio(value: number | undefined): string {
  return value === undefined ? "–" : value.toFixed(2);
}

function roundTo(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
