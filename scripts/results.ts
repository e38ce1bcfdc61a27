/**
 * Measures the detectors in INLIERQ_DATA and writes docs/results.md and docs/results.json: `npm run results`.
 *
 *   --only TEXT   rows whose id contains TEXT
 *   --again       measure rows again that out/results already has: needed after a change of code
 *   --render      measure nothing, write the page from docs/results.json and docs/methods.json
 *
 * A row that is not measured stays as docs/results.json has it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Bench, type Measured } from "./results/measure.ts";
import { render } from "./results/render.ts";
import { ROWS } from "./results/rows.ts";

const ROOT = join(import.meta.dirname, "..");

interface Flags {
  readonly only?: string;
  readonly again?: boolean;
  readonly render?: boolean;
}

function flags(): Flags {
  try {
    return parseArgs({ options: { only: { type: "string" }, again: { type: "boolean" }, render: { type: "boolean" } } }).values;
  } catch (error) {
    console.error(`results: flags must be --only TEXT, --again and --render, got: ${(error as Error).message}`);
    process.exit(2);
  }
}

const values = flags();
const data = process.env.INLIERQ_DATA;
if (!data && !values.render) {
  console.error("results: INLIERQ_DATA must name the folder with voc100, coco-calib64 and models, got nothing");
  process.exit(2);
}
const read = (path: string) => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {});
const page = join(ROOT, "docs/results.json");
const known: Readonly<Record<string, Measured>> = read(page).rows ?? {};
const bench = new Bench(data ?? "", join(ROOT, "out/results"));
const results = new Map<string, Measured>();
for (const row of ROWS) {
  const stored = bench.stored(row);
  const wanted = !values.render && (values.only === undefined || row.id.includes(values.only)) && (!stored || values.again);
  const measured = wanted ? await bench.measure(row) : (stored ?? known[row.id]);
  if (!measured) continue;
  results.set(row.id, measured);
  if (wanted) console.log(`${row.id}: AP50 ${(100 * measured.AP50).toFixed(1)}, kept ${(100 * measured.kept).toFixed(1)} %`);
}
writeFileSync(page, `${JSON.stringify({ version: 1, rows: Object.fromEntries(results) }, null, 2)}\n`);
writeFileSync(join(ROOT, "docs/results.md"), render(results, read(join(ROOT, "docs/methods.json"))));
console.log(`docs/results.md: ${results.size} of ${ROWS.length} rows`);
