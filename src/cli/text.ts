import { shownJson, shownName } from "../shown.ts";

/**
 * Columns of equal width: the first to the left, the others to the right, or all to the left. Cells may hold names out of
 * files: they are shown in one line each, long ones cut.
 */
export function columns(texts: readonly (readonly string[])[], align: "numbers" | "words" = "numbers"): string {
  const rows = texts.map((row) => row.map((cell) => shownName(cell, LONGEST_CELL)));
  const count = Math.max(...rows.map((r) => r.length));
  const widths = Array.from({ length: count }, (_, c) => Math.max(...rows.map((r) => (r[c] ?? "").length)));
  const pad = (cell: string, c: number): string => (c === 0 || align === "words" ? cell.padEnd(widths[c]) : cell.padStart(widths[c]));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** Lists of names are longer than one name. */
const LONGEST_CELL = 1000;

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** 1234567 as "1.2 M". */
export function short(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} G`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  if (count >= 1e3) return `${(count / 1e3).toFixed(1)} k`;
  return String(count);
}

/** An AP in [0, 1] as points; "-" where there was nothing to find (-1). */
export const points = (ap: number): string => (ap < 0 ? "-" : (100 * ap).toFixed(1));

/** JSON with sorted-as-written keys and a final newline. */
export const jsonText = (value: unknown): string => `${shownJson(value, 2)}\n`;

/** JSON with lists of numbers in one line each: a record holds curves. */
export const listsInLine = (record: object): string =>
  jsonText(record).replace(/\[[\s\d.,eE+-]*\]/g, (list) => list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"));
