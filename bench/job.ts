/**
 * Wall time and peak memory of the main job in a process of its own, and the time of one forward: `npm run bench:job`.
 *
 *   --model NAME   a file in INLIERQ_DATA/models (default yolox-nano-416)
 *   --scheme WnAm  default W8A8
 *   --samples N    default 64
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile } from "../src/autograd/index.ts";
import { ArgumentError, InlierqError } from "../src/errors.ts";
import { loadModel } from "../src/job/index.ts";
import { readModel } from "../src/node/index.ts";
import { Rng, type Tensor, uniform } from "../src/tensor/index.ts";

const ROOT = join(import.meta.dirname, "..");
const COMMAND = join(ROOT, "dist/cli/main.js");
const FORWARDS = 15;
const WARM_UP = 2;

/** What is measured: a model file, photos, and the words of the command line. */
interface Settings {
  readonly model: string;
  readonly scheme: string;
  readonly samples: string;
  readonly file: string;
  readonly photos: string;
}

/** Errors: ArgumentError where a flag is unknown or something that is needed does not exist. */
function settingsOf(argv: readonly string[]): Settings {
  const { model, scheme, samples } = flagsOf(argv);
  const data = process.env.INLIERQ_DATA;
  if (!data) throw new ArgumentError("bench:job", "INLIERQ_DATA must name the folder with models and coco-calib64, got nothing");
  const file = join(data, "models", `${model}.onnx`);
  const photos = join(data, "coco-calib64");
  for (const path of [file, photos]) if (!existsSync(path)) throw new ArgumentError("bench:job", `${path} must exist, got nothing there`);
  if (!existsSync(COMMAND)) throw new ArgumentError("bench:job", `${COMMAND} must exist, got nothing there (npm run build makes it)`);
  return { model, scheme, samples, file, photos };
}

function flagsOf(argv: readonly string[]): Pick<Settings, "model" | "scheme" | "samples"> {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        model: { type: "string", default: "yolox-nano-416" },
        scheme: { type: "string", default: "W8A8" },
        samples: { type: "string", default: "64" },
      },
    }).values;
  } catch (error) {
    throw new ArgumentError("bench:job", `flags must be --model, --scheme and --samples, got: ${(error as Error).message}`);
  }
}

interface Times {
  readonly median: number;
  readonly best: number;
}

/** Seconds of one forward of the float model, op by op and replayed, in turns. */
function forwardTimes({ file, model }: Settings): { eager: Times; replayed: Times } {
  const { graph, card } = loadModel(readModel(file).bytes, model);
  const x = uniform([1, 3, card.input.height, card.input.width], new Rng(0), 0, 255);
  const forwards = { eager: (input: Tensor) => graph.forward(input), replayed: compile((input) => graph.forward(input)) };
  const taken = { eager: [] as number[], replayed: [] as number[] };
  for (let i = -WARM_UP; i < FORWARDS; i++) {
    for (const way of ["eager", "replayed"] as const) {
      const start = performance.now();
      forwards[way](x);
      if (i >= 0) taken[way].push((performance.now() - start) / 1000);
    }
  }
  return { eager: timesOf(taken.eager), replayed: timesOf(taken.replayed) };
}

function timesOf(seconds: readonly number[]): Times {
  const sorted = [...seconds].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], best: sorted[0] };
}

interface Cost {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly code: number;
  readonly timing: Readonly<Record<string, number>>;
}

/** Runs the command line in a fresh process that reports its own peak resident memory. */
function jobCost({ file, photos, scheme, samples }: Settings, folder: string): Cost {
  const out = join(folder, "out");
  const script = `import { main } from ${JSON.stringify(COMMAND)};
const code = await main(process.argv.slice(1));
console.error("PEAK " + process.resourceUsage().maxRSS);
process.exitCode = code;`;
  const flags = ["--calibrate", photos, "--scheme", scheme, "--samples", samples, "--no-check", "--out", out];
  const argv = ["--input-type=module", "-e", script, "--", "quantize", file, ...flags];
  const start = performance.now();
  const child = spawnSync(process.execPath, argv, { encoding: "utf8" });
  const seconds = (performance.now() - start) / 1000;
  const peak = /PEAK (\d+)/.exec(child.stderr);
  if (!peak || child.status === 1 || child.status === 2) {
    throw new ArgumentError("bench:job", `quantize must succeed, got ${child.stderr.trim().split("\n")[0]} (exit ${child.status})`);
  }
  const timing = JSON.parse(readFileSync(join(out, "timing.json"), "utf8")) as Record<string, number>;
  return { seconds, peakBytes: 1024 * Number(peak[1]), code: child.status ?? -1, timing };
}

function main(argv: readonly string[]): void {
  const settings = settingsOf(argv);
  const { model, scheme, samples } = settings;
  console.log(`load ${loadavg()[0].toFixed(2)} on ${cpus().length} x ${cpus()[0].model}, Node ${process.version}`);
  const forward = forwardTimes(settings);
  for (const [way, { median, best }] of Object.entries(forward)) {
    console.log(`one forward of ${model}, ${way}: median ${median.toFixed(3)} s, best ${best.toFixed(3)} s`);
  }
  const folder = mkdtempSync(join(tmpdir(), "inlierq-bench-"));
  let job: Cost;
  try {
    job = jobCost(settings, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const { seconds, peakBytes, code, timing } = job;
  console.log(`quantize ${scheme}, ${samples} pictures: ${seconds.toFixed(1)} s, peak ${(peakBytes / 1e6).toFixed(0)} MB, exit ${code}`);
  for (const [stage, ms] of Object.entries(timing))
    if (typeof ms === "number") console.log(`  ${stage.padEnd(16)} ${(ms / 1000).toFixed(1)} s`);
  mkdirSync(join(ROOT, "out/bench"), { recursive: true });
  const result = { model, scheme, samples, load: loadavg()[0], cpu: cpus()[0].model, node: process.version, forward, job };
  writeFileSync(join(ROOT, `out/bench/job-${model}-${scheme}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof InlierqError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
