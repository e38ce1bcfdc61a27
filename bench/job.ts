/**
 * Wall time and peak memory of the main job in a process of its own, and the time of one forward: `npm run bench:job`.
 *
 *   --model NAME   a file in INLIERQ_DATA/models (default yolox-nano-416)
 *   --scheme WnAm  default W8A8
 *   --samples N    default 64
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadModel } from "../src/job/index.ts";
import { readModel } from "../src/node/index.ts";
import { Rng, uniform } from "../src/tensor/index.ts";

const ROOT = join(import.meta.dirname, "..");
const FORWARDS = 15;

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "yolox-nano-416" },
    scheme: { type: "string", default: "W8A8" },
    samples: { type: "string", default: "64" },
  },
});
const data = process.env.INLIERQ_DATA;
if (!data) {
  console.error("bench:job: INLIERQ_DATA must name the folder with models and coco-calib64, got nothing");
  process.exit(2);
}
const file = join(data, "models", `${values.model}.onnx`);

/** Median and fastest of some forwards of the float model, in seconds. */
function forwardTime(): { median: number; best: number } {
  const { graph, card } = loadModel(readModel(file).bytes, values.model);
  const x = uniform([1, 3, card.input.height, card.input.width], new Rng(0), 0, 255);
  graph.forward(x);
  graph.forward(x);
  const times = Array.from({ length: FORWARDS }, () => {
    const start = performance.now();
    graph.forward(x);
    return (performance.now() - start) / 1000;
  }).sort((a, b) => a - b);
  return { median: times[FORWARDS >> 1], best: times[0] };
}

/** Runs the command line in a fresh process that reports its own peak resident memory. */
function jobCost(): { seconds: number; peakBytes: number; code: number; timing: Record<string, number> } {
  const folder = mkdtempSync(join(tmpdir(), "inlierq-bench-"));
  const out = join(folder, "out");
  const script = `import { main } from ${JSON.stringify(join(ROOT, "dist/cli/main.js"))};
const code = await main(process.argv.slice(1));
console.error("PEAK " + process.resourceUsage().maxRSS);
process.exitCode = code;`;
  const photos = join(data as string, "coco-calib64");
  const argv = [
    "quantize",
    file,
    "--calibrate",
    photos,
    "--scheme",
    values.scheme,
    "--samples",
    values.samples,
    "--no-check",
    "--out",
    out,
  ];
  const start = performance.now();
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script, "--", ...argv], { encoding: "utf8" });
  const seconds = (performance.now() - start) / 1000;
  const peak = /PEAK (\d+)/.exec(child.stderr);
  if (!peak || child.status === 1 || child.status === 2) throw new Error(`the job failed: ${child.stderr.trim()}`);
  const timing = JSON.parse(readFileSync(join(out, "timing.json"), "utf8")) as Record<string, number>;
  rmSync(folder, { recursive: true });
  return { seconds, peakBytes: 1024 * Number(peak[1]), code: child.status ?? -1, timing };
}

console.log(`load ${loadavg()[0].toFixed(2)} on ${cpus().length} x ${cpus()[0].model}, Node ${process.version}`);
const forward = forwardTime();
console.log(`one forward of ${values.model}: median ${forward.median.toFixed(3)} s, best ${forward.best.toFixed(3)} s`);
const job = jobCost();
console.log(
  `quantize ${values.scheme}, ${values.samples} pictures: ${job.seconds.toFixed(1)} s, peak ${(job.peakBytes / 1e6).toFixed(0)} MB, exit ${job.code}`,
);
for (const [stage, ms] of Object.entries(job.timing))
  if (typeof ms === "number") console.log(`  ${stage.padEnd(16)} ${(ms / 1000).toFixed(1)} s`);
mkdirSync(join(ROOT, "out/bench"), { recursive: true });
const result = { ...values, load: loadavg()[0], cpu: cpus()[0].model, node: process.version, forward, job };
writeFileSync(join(ROOT, `out/bench/job-${values.model}-${values.scheme}.json`), `${JSON.stringify(result, null, 2)}\n`);
