/** Lines of TypeScript per folder: `npm run sizes`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { columns } from "../src/cli/text.ts";

const ROOT = join(import.meta.dirname, "..");

function linesBelow(folder: string): Map<string, { files: number; lines: number }> {
  const found = new Map<string, { files: number; lines: number }>();
  for (const path of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const part = path.includes("/") ? `${folder}/${path.split("/")[0]}` : folder;
    const entry = found.get(part) ?? { files: 0, lines: 0 };
    entry.files++;
    entry.lines += readFileSync(join(ROOT, folder, path), "utf8")
      .trimEnd()
      .split("\n").length;
    found.set(part, entry);
  }
  return found;
}

const rows = [...linesBelow("src"), ...["test", "bench", "examples", "scripts"].flatMap((f) => [...linesBelow(f)])].sort(([a], [b]) =>
  a < b ? -1 : 1,
);
const total = rows.reduce((sum, [, { lines }]) => sum + lines, 0);
console.log(
  columns([
    ["folder", "files", "lines"],
    ...rows.map(([name, e]) => [name, String(e.files), String(e.lines)]),
    ["total", "", String(total)],
  ]),
);
