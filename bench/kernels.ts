/**
 * Speed of our engine: `npm run bench`. Every output is verified before it is timed; rows are measured in rounds, each
 * beside the limits of the runtime at that moment. Prints a table and writes out/bench/kernels-nodeN.json. Words keep the
 * rows whose name contains one: `npm run bench -- depthwise`.
 *
 *   --rounds N   rounds over all rows (default 5)
 *   --budget MS  time of a row in a round (default 150)
 *   --node PATH  another Node program to measure under
 */
import { countOf, flagsAndWordsOf, script, underOtherNode, withWords } from "./flags.ts";
import { type Machine, machine, machineLine, writeRun } from "./machine.ts";
import { type Peaks, peaks } from "./peak.ts";
import { digits, medianOf, overRounds, type Round } from "./statistics.ts";
import { timeRound } from "./time.ts";
import { workloads } from "./workloads/index.ts";
import type { Prepared, Workload } from "./workloads/workload.ts";

/** One row as the file keeps it. */
export interface KernelRow {
  readonly name: string;
  readonly flops: number;
  readonly elements: number;
  readonly rounds: readonly Round[];
  /** GFLOP/s of the best call over the limit of the same moment, by round; absent where the row has no limit. */
  readonly shareOfPeak?: readonly number[];
  /** Milliseconds of the reference loops, once; absent where there are none. */
  readonly referenceMs?: number;
}

/** The file that a run writes. */
export interface KernelRun {
  readonly kind: "kernels";
  readonly machine: Machine;
  /** Medians over all measurements, 10^9 operations per second. */
  readonly peaks: Peaks;
  readonly rows: readonly KernelRow[];
  /** Rows that could not run here, and why. */
  readonly absent: Readonly<Record<string, string>>;
}

interface Going {
  readonly workload: Workload;
  readonly prepared: Prepared;
  readonly referenceMs: number | undefined;
  readonly length: number;
  readonly rounds: Round[];
  readonly shares: number[];
}

async function prepareAll(wanted: readonly Workload[]): Promise<{ going: Going[]; absent: Record<string, string> }> {
  const going: Going[] = [];
  const absent: Record<string, string> = {};
  for (const workload of wanted) {
    const prepared = await workload.prepare();
    if (typeof prepared === "string") absent[workload.name] = prepared;
    else {
      const referenceMs = await prepared.verify();
      going.push({ workload, prepared, referenceMs, length: await lengthOf(prepared), rounds: [], shares: [] });
    }
  }
  return { going, absent };
}

/** Milliseconds of a call, roughly. */
async function lengthOf({ run }: Prepared): Promise<number> {
  const { best } = await timeRound("length", run, 0);
  return best;
}

/** One row in one round, and the limits before and after it: the best call is held to the best burst of its length. */
async function measure(row: Going, budget: number): Promise<Peaks> {
  const { workload, prepared, length, rounds, shares } = row;
  const { name, peak, flops } = workload;
  const names = peak ? [peak] : [];
  const before = peaks(names, length);
  const round = await timeRound(name, prepared.run, budget);
  rounds.push(round);
  const limit = peak && Math.max(before[peak] ?? 0, peaks(names, length)[peak] ?? 0);
  if (limit) shares.push(digits(flops / round.best / 1e6 / limit));
  return before;
}

const rowOf = ({ workload: { name, flops }, prepared: { elements }, rounds, shares, referenceMs }: Going): KernelRow => ({
  ...{ name, flops, elements, rounds },
  ...(shares.length > 0 && { shareOfPeak: shares }),
  ...(referenceMs !== undefined && { referenceMs: digits(referenceMs) }),
});

function line({ name, flops, elements, rounds, shareOfPeak, referenceMs }: KernelRow): string {
  const { median, best } = overRounds(rounds);
  const rate = flops > 0 ? `${(flops / median / 1e6).toFixed(1)} GFLOP/s` : `${((median * 1e6) / elements).toFixed(2)} ns/element`;
  const share = shareOfPeak ? `${(100 * medianOf(shareOfPeak)).toFixed(0)} % of peak` : "";
  const reference = referenceMs === undefined ? "" : `${(referenceMs / median).toFixed(0)} x reference`;
  const times = `${median.toFixed(3).padStart(9)} ms, best ${best.toFixed(3).padStart(9)}`;
  return `${name.padEnd(50)} ${times} ${rate.padStart(16)} ${share.padStart(13)} ${reference.padStart(16)}`;
}

async function main(argv: readonly string[]): Promise<void> {
  const { values, words } = flagsAndWordsOf("bench", argv, {
    rounds: { type: "string", default: "5" },
    budget: { type: "string", default: "150" },
    node: { type: "string" },
  });
  const other = underOtherNode("bench", import.meta.filename, argv, values.node);
  if (other !== undefined) {
    process.exitCode = other;
    return;
  }
  const [rounds, budget] = [countOf("bench", "rounds", values.rounds), countOf("bench", "budget", values.budget)];
  const before = machine();
  console.log(machineLine(before));
  const wanted = withWords("bench", workloads(), words, ({ name }) => name);
  const { going, absent } = await prepareAll(wanted);
  console.log(`${going.length} outputs verified`);
  const seen: Peaks[] = [peaks()];
  for (let r = 0; r < rounds; r++) for (const row of going) seen.push(await measure(row, budget));
  seen.push(peaks());
  const rows = going.map(rowOf);
  for (const row of rows) console.log(line(row));
  for (const [name, why] of Object.entries(absent)) console.log(`${name}: ${why}`);
  const limits = medianPeaks(seen);
  for (const [name, rate] of Object.entries(limits)) console.log(`limit ${name.padEnd(8)} ${rate.toFixed(1)} x 10^9 operations/s`);
  const run: KernelRun = { kind: "kernels", machine: machine(before), peaks: limits, rows, absent };
  console.log(
    `load ${run.machine.load.map((l) => l.toFixed(2)).join(" to ")}, written to ${writeRun(words.length === 0 ? "kernels" : "kernels-part", run)}`,
  );
}

function medianPeaks(seen: readonly Peaks[]): Record<string, number> {
  const names = [...new Set(seen.flatMap((p) => Object.keys(p) as (keyof Peaks)[]))];
  return Object.fromEntries(names.map((name) => [name, digits(medianOf(seen.flatMap((p) => p[name] ?? [])))]));
}

await script(() => main(process.argv.slice(2)));
