/** A Markdown table whose first column holds names and whose others hold figures, set right. Cells hold no pipes. */
export const figureTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
