import stringWidth from "string-width";

import { escapeText } from "./escape.ts";
import type { Style, Styler } from "./styles.ts";

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: "right" | undefined;
  /** May be cut when the table is wider than the terminal. */
  readonly shrinks?: boolean | undefined;
}

/** One cell: its text is escaped by the table. */
export interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
}

const GAP = "  ";
const NARROWEST = 8;

/**
 * Aligned columns with a title line.
 *
 * @param width the terminal's; columns that may shrink are cut to fit. Without it nothing is cut.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  style: Styler,
  width?: number,
): string {
  const texts = rows.map((row) => row.map((cell) => escapeText(cell.text)));
  const widths = columns.map((column, index) =>
    Math.max(stringWidth(column.title), ...texts.map((row) => stringWidth(row[index] ?? ""))),
  );
  if (width !== undefined) shrink(columns, widths, width);
  const line = (cells: readonly string[], styles: readonly (Style | undefined)[]): string =>
    cells
      .map((text, index) => {
        const cut = truncate(text, widths[index] ?? 0);
        const padding = " ".repeat(Math.max(0, (widths[index] ?? 0) - stringWidth(cut)));
        const name = styles[index];
        const shown = name === undefined ? cut : style(name, cut);
        if (columns[index]?.align === "right") return padding + shown;
        return index === cells.length - 1 ? shown : shown + padding;
      })
      .join(GAP);
  const titles = columns.map((column) => column.title);
  return [
    line(
      titles,
      titles.map((): Style => "bold"),
    ),
    ...texts.map((row, index) =>
      line(
        row,
        (rows[index] ?? []).map((cell) => cell.style),
      ),
    ),
  ]
    .map((text) => `${text.trimEnd()}\n`)
    .join("");
}

/** Cuts a text to a width in terminal cells, marking the cut. */
export function truncate(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = "";
  let used = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    cut += segment;
  }
  return `${cut}…`;
}

function shrink(columns: readonly Column[], widths: number[], width: number): void {
  const total = (): number =>
    widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
  for (let excess = total() - width; excess > 0; excess--) {
    let widest = -1;
    columns.forEach((column, index) => {
      const own = widths[index] ?? 0;
      if (column.shrinks !== true || own <= Math.max(NARROWEST, column.title.length)) return;
      if (widest === -1 || own > (widths[widest] ?? 0)) widest = index;
    });
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
