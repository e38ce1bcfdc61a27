/**
 * Our engine and its peers on the same problems: `npm run bench:peers`. Every engine runs in a process of its own on the same
 * seeded inputs; its output is held to ours, and ours to the reference loops, before it is timed; then all are timed in turn,
 * round by round. Peers from npm are installed into out/peers; PyTorch is measured where Python has it. Prints tables and
 * writes out/bench/peers-nodeN.json. Words keep the problems whose name contains one.
 *
 *   --rounds N      rounds over all engines (default 5)
 *   --budget MS     time of an engine in a round (default 400)
 *   --threads N     most threads of an engine (default 1)
 *   --node PATH     another Node program, for us and the peers
 *   --python PATH   the Python to ask for torch (default python3)
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countOf, flagsAndWordsOf, script, underOtherNode, withWords } from "./flags.ts";
import { type Machine, machine, machineLine, writeRun } from "./machine.ts";
import { peaks } from "./peak.ts";
import { type Engine, engines, OURS } from "./peers/engines.ts";
import { installPackages } from "./peers/packages.ts";
import { EngineProcess, type InputFile } from "./peers/protocol.ts";
import { PROBLEMS, type Problem } from "./problems.ts";
import { disagreement, NOT_OFFERED, type Sample } from "./solver.ts";
import { digits, overRounds, type Round } from "./statistics.ts";

/** What an engine made of a problem: times by round (null where it was spared), or why there are none. */
export type Outcome = { readonly rounds: readonly (Round | null)[] } | { readonly unable: string };

export interface PeerRow {
  readonly problem: string;
  readonly flops: number;
  readonly elements: number;
  /** The f32 limit of our runtime beside each round, 10^9 operations per second. */
  readonly peaks: readonly number[];
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

/** The file that a run writes. */
export interface PeerRun {
  readonly kind: "peers";
  readonly machine: Machine;
  /** What each engine says of itself, or why it is absent. */
  readonly engines: Readonly<Record<string, { readonly version: string } | { readonly absent: string }>>;
  readonly rows: readonly PeerRow[];
}

interface Settings {
  readonly rounds: number;
  readonly budget: number;
}

/** Seconds to wait for an answer: the slowest peers need minutes for the reference check of a large problem. */
const PATIENCE = 300;
/** A call slower than this, in milliseconds, is measured in one round only. */
const SLOW = 1500;

function writeInputs(problem: Problem, folder: string): Record<string, InputFile> {
  return Object.fromEntries(
    Object.entries(problem.inputs()).map(([name, { data, shape, dtype }]) => {
      const file = join(folder, name);
      writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return [name, { file, shape, dtype: dtype === "f64" ? "f64" : "f32" }];
    }),
  );
}

/** Starts the engines that are there. */
async function startAll(
  list: readonly Engine[],
): Promise<{ going: Map<string, EngineProcess>; said: Record<string, PeerRun["engines"][string]> }> {
  const going = new Map<string, EngineProcess>();
  const said: Record<string, PeerRun["engines"][string]> = {};
  for (const { name, command, env = {}, absent } of list) {
    if (absent !== undefined) {
      said[name] = { absent };
      continue;
    }
    const engine = new EngineProcess(command, env, PATIENCE);
    const answer = await engine.started();
    if ("unable" in answer) said[name] = { absent: answer.unable };
    else {
      said[name] = { version: answer.version };
      going.set(name, engine);
    }
  }
  return { going, said };
}

/** The engines whose output agrees, and why the others are not timed. The first one is ours: without it nobody is. */
async function prepareAll(problem: Problem, all: ReadonlyMap<string, EngineProcess>, folder: string) {
  const inputs = writeInputs(problem, folder);
  const ready = new Map<string, EngineProcess>();
  const unable: Record<string, string> = {};
  let ours: readonly Sample[] | undefined;
  for (const [name, engine] of all) {
    const answer = await engine.prepare(problem.id, problem.spec, inputs);
    if ("unable" in answer) {
      unable[name] = answer.unable;
      continue;
    }
    if (!ours && !name.startsWith(OURS)) {
      unable[name] = "our engine has no output to hold it to";
      continue;
    }
    ours ??= answer.samples;
    const gap = disagreement(answer.samples, ours, problem.tolerance);
    if (gap === undefined) ready.set(name, engine);
    else unable[name] = `wrong output: ${gap}`;
  }
  return { ready, unable };
}

async function measureProblem(
  problem: Problem,
  all: ReadonlyMap<string, EngineProcess>,
  { rounds, budget }: Settings,
  folder: string,
): Promise<PeerRow> {
  const { ready, unable } = await prepareAll(problem, all, folder);
  const times = new Map<string, (Round | null)[]>([...ready.keys()].map((name) => [name, []]));
  const limits: number[] = [];
  for (let r = 0; r < rounds && ready.size > 0; r++) {
    limits.push(digits(peaks(["f32"]).f32!));
    for (const [name, engine] of ready) {
      const seen = times.get(name)!;
      if (unable[name] !== undefined) continue;
      if (r > 0 && (seen[0]?.median ?? 0) > SLOW) {
        seen.push(null);
        continue;
      }
      const answer = await engine.measure(budget);
      if ("unable" in answer) unable[name] = answer.unable;
      else seen.push(answer.round);
    }
  }
  for (const engine of all.values()) await engine.release();
  const outcomes = Object.fromEntries(
    [...all.keys()]
      .filter((name) => unable[name] !== NOT_OFFERED)
      .map((name): [string, Outcome] => [name, name in unable ? { unable: unable[name]! } : { rounds: times.get(name)! }]),
  );
  return { problem: problem.id, flops: problem.flops, elements: problem.elements, peaks: limits, outcomes };
}

function print({ problem, flops, elements, outcomes }: PeerRow): void {
  console.log(problem);
  for (const [name, outcome] of Object.entries(outcomes)) {
    if ("unable" in outcome) {
      console.log(`  ${name.padEnd(28)} ${outcome.unable}`);
      continue;
    }
    const { median, best } = overRounds(outcome.rounds.filter((r) => r !== null));
    const rate = flops > 0 ? `${(flops / median / 1e6).toFixed(1)} GFLOP/s` : `${((median * 1e6) / elements).toFixed(2)} ns/element`;
    console.log(`  ${name.padEnd(28)} ${median.toFixed(3).padStart(9)} ms, best ${best.toFixed(3).padStart(9)} ${rate.padStart(17)}`);
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const { values, words } = flagsAndWordsOf("bench:peers", argv, {
    rounds: { type: "string", default: "5" },
    budget: { type: "string", default: "400" },
    threads: { type: "string", default: "1" },
    node: { type: "string" },
    python: { type: "string", default: "python3" },
  });
  const other = underOtherNode("bench:peers", import.meta.filename, argv, values.node);
  if (other !== undefined) {
    process.exitCode = other;
    return;
  }
  const count = (flag: "rounds" | "budget" | "threads"): number => countOf("bench:peers", flag, values[flag]);
  const [settings, threads] = [{ rounds: count("rounds"), budget: count("budget") }, count("threads")];
  const before = machine();
  console.log(machineLine(before));
  const wanted = withWords("bench:peers", PROBLEMS, words, ({ id }) => id);
  const list = engines(values.python, installPackages()).filter((engine) => engine.threads <= threads);
  const { going, said } = await startAll(list);
  for (const [name, what] of Object.entries(said))
    console.log("absent" in what ? `${name}: absent, ${what.absent}` : `${name} ${what.version}`);
  const folder = mkdtempSync(join(tmpdir(), "inlierq-bench-"));
  const rows: PeerRow[] = [];
  try {
    for (const problem of wanted) {
      const row = await measureProblem(problem, going, settings, folder);
      rows.push(row);
      print(row);
    }
  } finally {
    for (const engine of going.values()) engine.close();
    rmSync(folder, { recursive: true });
  }
  const run: PeerRun = { kind: "peers", machine: machine(before), engines: said, rows };
  const path = writeRun(words.length === 0 ? "peers" : "peers-part", run);
  console.log(`load ${run.machine.load.map((l) => l.toFixed(2)).join(" to ")}, written to ${path}`);
}

await script(() => main(process.argv.slice(2)));
