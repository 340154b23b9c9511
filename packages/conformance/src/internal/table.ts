/** The lines of a Markdown table with even columns. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => width(row[column]))));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell + " ".repeat(widths[column]! - width(cell))).join(" | ")} |`;
  const rule = line(widths.map((count) => "-".repeat(count)));
  const [first, ...others] = cells.map(line);
  return [first!, rule, ...others];
}

function width(cell = ""): number {
  return cell.length;
}
