import { ArgumentError } from "../errors.ts";
import { shownName } from "../shown.ts";
import { escapeXml } from "./xml.ts";

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export const number = (value: number): string => String(Number(value.toPrecision(4)));

/** A table cell: pipes and line breaks would end it. */
const cell = (text: string): string => text.replace(/\|/g, "\\|").replace(/[\r\n]+/g, " ");

/** A table; cells are Markdown. Errors: ArgumentError for a row with more or fewer cells than the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const odd = rows.findIndex((cells) => cells.length !== head.length);
  if (odd >= 0) {
    const context = `row ${odd} under "${head.join(" | ")}"`;
    throw new ArgumentError("table", `every row must have ${head.length} cells, got ${rows[odd].length} (${context})`);
  }
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What begins emphasis, code, mathematics, a link or an address; an underscore inside a word does not. */
const SPECIAL = /[\\`*~$[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)\/|(?<=www)\.|(?<=\S)@/gi;

/** A name out of a file as Markdown that shows just that name, long ones cut: no tags, links, emphasis or addresses. */
export const plain = (name: string): string => escapeXml(shownName(name)).replace(SPECIAL, "\\$&");
