/**
 * Compares all methods on the detectors in INLIERQ_DATA with equal time to learn, and writes docs/methods.json, which
 * `npm run results -- --render` puts on docs/results.md: `npm run methods`.
 *
 *   --only TEXT     models whose name contains TEXT
 *   --method NAME   runs of this method alone, whose rows replace those on record: after a change of nothing else
 *   --again         measure runs again that out/methods already has: needed after a change of code
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { METHOD_NAMES } from "../src/job/index.ts";
import { runSweep } from "../src/node/index.ts";
import type { SweepRecord, SweepRow } from "../src/quant/index.ts";

const ROOT = join(import.meta.dirname, "..");
const PAGE = join(ROOT, "docs/methods.json");
const SEEDS = [0, 1, 2];
const ADAROUND = { inlierq: { weights: "adaround" } } as const;
const QDROP = { inlierq: { weights: "qdrop" } } as const;
const WORST = { promote: 0.25 } as const;

/** What is run on one model. */
const PLANS = [
  {
    model: "fastestdet-352",
    budget: "40s",
    lists: [
      { methods: METHOD_NAMES, schemes: ["W8A8", "W6A6"], seeds: [0] },
      { methods: METHOD_NAMES, schemes: ["W4A8", "W4A4"], seeds: SEEDS },
      { methods: ["inlierq"], schemes: ["W4A8", "W4A4"], seeds: SEEDS, options: ADAROUND, label: "weights: adaround" },
      { methods: ["inlierq"], schemes: ["W4A4"], seeds: SEEDS, options: QDROP, label: "weights: qdrop" },
      { methods: ["mse", "adaround", "qdrop", "inlierq"], schemes: ["W4A4"], seeds: SEEDS, options: WORST, label: "promote 25 %" },
      {
        methods: ["inlierq"],
        schemes: ["W4A4"],
        seeds: SEEDS,
        options: { ...WORST, ...ADAROUND },
        label: "weights: adaround, promote 25 %",
      },
    ],
  },
  {
    model: "yolox-nano-416",
    budget: "90s",
    lists: [
      { methods: ["minmax", "mse", "adaround", "brecq", "qdrop", "inlierq"], schemes: ["W4A8", "W4A4"], seeds: [0] },
      { methods: ["adaround", "qdrop"], schemes: ["W4A4"], seeds: [0], options: WORST, label: "promote 25 %" },
      { methods: ["inlierq"], schemes: ["W4A4"], seeds: [0], options: { ...WORST, ...ADAROUND }, label: "weights: adaround, promote 25 %" },
    ],
  },
] as const;

const { values } = parseArgs({
  options: { only: { type: "string" }, method: { type: "string" }, again: { type: "boolean", default: false } },
});
const data = process.env.INLIERQ_DATA;
if (!data) {
  console.error("methods: INLIERQ_DATA must name the folder with voc100, coco-calib64 and models, got nothing");
  process.exit(2);
}
if (values.method !== undefined && !METHOD_NAMES.some((name) => name === values.method)) {
  console.error(`methods: --method must be one of ${METHOD_NAMES.join(", ")}, got "${values.method}"`);
  process.exit(2);
}
const wanted = (method: string): boolean => values.method === undefined || values.method === method;

/** A record with the rows of another in place of its own of the same method, the best of a scheme first. */
function replaced({ rows, ...rest }: SweepRecord, by: SweepRecord): SweepRecord {
  const all = [...rows.filter((row) => !wanted(row.method)), ...by.rows.filter((row) => wanted(row.method))];
  const schemes = [...new Set(rows.map((row) => row.scheme))];
  const place = (row: SweepRow): number => schemes.indexOf(row.scheme);
  return { ...rest, rows: all.sort((a, b) => place(a) - place(b) || (b.AP50?.mean ?? -2) - (a.AP50?.mean ?? -2)) };
}

const known: Record<string, SweepRecord> = existsSync(PAGE) ? JSON.parse(readFileSync(PAGE, "utf8")) : {};
for (const { model, budget, lists: planned } of PLANS) {
  if (values.only !== undefined && !model.includes(values.only)) continue;
  const lists = planned.map((list) => ({ ...list, methods: list.methods.filter(wanted) })).filter((list) => list.methods.length > 0);
  if (lists.length === 0) continue;
  const out = join(ROOT, "out/methods", [model, ...(values.method === undefined ? [] : [values.method])].join("-"));
  const { record } = await runSweep({
    model: join(data, "models", `${model}.onnx`),
    calibrate: join(data, "coco-calib64"),
    images: join(data, "voc100", "images"),
    annotations: join(data, "voc100", "instances_coco.json"),
    ...{ lists, budget, out, resume: !values.again && existsSync(out), force: values.again },
    nodeFlags: ["--import", join(ROOT, "scripts/typescript.mjs")],
    onStart: ({ runs, kept, jobs }) => console.log(`${model}: ${runs} runs, ${kept} of them kept, ${jobs} at once`),
    onRun: ({ id }, outcome) => console.log(`${id}: ${"result" in outcome ? (100 * outcome.result.AP50).toFixed(1) : outcome.message}`),
  });
  known[model] = values.method !== undefined && known[model] ? replaced(known[model], record) : record;
  writeFileSync(PAGE, `${JSON.stringify(known, null, 1)}\n`);
}
