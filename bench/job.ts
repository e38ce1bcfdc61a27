/**
 * Wall time and peak memory of the main job in a process of its own, and the time of one forward: `npm run bench:job`. Writes
 * out/bench/job-nodeN.json.
 *
 *   --model NAME   a file in INLIERQ_DATA/models (default yolox-nano-416)
 *   --scheme WnAm  default W8A8
 *   --samples N    default 64
 *   --rounds N     how often the job runs; the fastest counts (default 3)
 *   --node PATH    another Node program to measure under
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../src/autograd/index.ts";
import { ArgumentError } from "../src/errors.ts";
import { loadModel } from "../src/job/index.ts";
import { readModel } from "../src/node/index.ts";
import { Rng, type Tensor, uniform } from "../src/tensor/index.ts";
import { countOf, flagsOf, script, underOtherNode } from "./flags.ts";
import { type Machine, machine, machineLine, ROOT, writeRun } from "./machine.ts";
import { medianOf, type Round } from "./statistics.ts";

const COMMAND = join(ROOT, "dist/cli/main.js");
const FORWARDS = 15;
const WARM_UP = 2;

const FLAGS = {
  model: { type: "string", default: "yolox-nano-416" },
  scheme: { type: "string", default: "W8A8" },
  samples: { type: "string", default: "64" },
  rounds: { type: "string", default: "3" },
  node: { type: "string" },
} as const;

/** The file that a run writes. */
export interface JobRun {
  readonly kind: "job";
  readonly machine: Machine;
  readonly model: string;
  readonly scheme: string;
  readonly samples: number;
  /** Seconds of one forward of the float model, op by op and replayed. */
  readonly forward: { readonly eager: Round; readonly replayed: Round };
  /** The fastest of the rounds. */
  readonly job: Cost;
  /** Wall time of every round. */
  readonly seconds: readonly number[];
}

/** What is measured: a model file, photos, and the words of the command line. */
interface Settings {
  readonly model: string;
  readonly scheme: string;
  readonly samples: string;
  readonly file: string;
  readonly photos: string;
}

/** Errors: ArgumentError where something that is needed does not exist. */
function settingsOf({ model, scheme, samples }: Pick<Settings, "model" | "scheme" | "samples">): Settings {
  const data = process.env.INLIERQ_DATA;
  if (!data) throw new ArgumentError("bench:job", "INLIERQ_DATA must name the folder with models and coco-calib64, got nothing");
  const file = join(data, "models", `${model}.onnx`);
  const photos = join(data, "coco-calib64");
  for (const path of [file, photos]) if (!existsSync(path)) throw new ArgumentError("bench:job", `${path} must exist, got nothing there`);
  if (!existsSync(COMMAND)) throw new ArgumentError("bench:job", `${COMMAND} must exist, got nothing there (npm run build makes it)`);
  return { model, scheme, samples, file, photos };
}

/** Seconds of one forward of the float model, op by op and replayed, in turns. */
function forwardTimes({ file, model }: Settings): JobRun["forward"] {
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

const timesOf = (seconds: readonly number[]): Round => ({ median: medianOf(seconds), best: Math.min(...seconds) });

/** What the job took. */
export interface Cost {
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

function costIn(settings: Settings): Cost {
  const folder = mkdtempSync(join(tmpdir(), "inlierq-bench-"));
  try {
    return jobCost(settings, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function main(argv: readonly string[]): void {
  const values = flagsOf("bench:job", argv, FLAGS);
  const other = underOtherNode("bench:job", import.meta.filename, argv, values.node);
  if (other !== undefined) {
    process.exitCode = other;
    return;
  }
  const settings = settingsOf(values);
  const { model, scheme, samples } = settings;
  const before = machine();
  console.log(machineLine(before));
  const forward = forwardTimes(settings);
  for (const [way, { median, best }] of Object.entries(forward)) {
    console.log(`one forward of ${model}, ${way}: median ${median.toFixed(3)} s, best ${best.toFixed(3)} s`);
  }
  const rounds = Array.from({ length: countOf("bench:job", "rounds", values.rounds) }, () => costIn(settings));
  const job = rounds.reduce((best, cost) => (cost.seconds < best.seconds ? cost : best));
  const { peakBytes, code, timing } = job;
  const seconds = rounds.map((cost) => Number(cost.seconds.toFixed(1)));
  console.log(`quantize ${scheme}, ${samples} pictures: ${seconds.join(", ")} s, peak ${(peakBytes / 1e6).toFixed(0)} MB, exit ${code}`);
  for (const [stage, ms] of Object.entries(timing))
    if (typeof ms === "number") console.log(`  ${stage.padEnd(16)} ${(ms / 1000).toFixed(1)} s`);
  const usual = (["model", "scheme", "samples"] as const).every((flag) => values[flag] === FLAGS[flag].default);
  const run: JobRun = { kind: "job", machine: machine(before), model, scheme, samples: Number(samples), forward, job, seconds };
  console.log(`written to ${writeRun(usual ? "job" : `job-${model}-${scheme}-${samples}`, run)}`);
}

await script(() => main(process.argv.slice(2)));
