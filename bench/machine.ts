import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";

/** The repository. */
export const ROOT = join(import.meta.dirname, "..");

/** What a figure depends on beside the code. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  /** Short commit; ends in "+" where files of src or bench differ from it. */
  readonly commit: string;
  readonly date: string;
  /** Load average of the last minute: when the run began, and when it ended. */
  readonly load: readonly [number, number];
}

/** The machine now; `since` is the machine when the run began. */
export function machine(since?: Machine): Machine {
  const now = Math.round(100 * loadavg()[0]) / 100;
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    commit: since?.commit ?? commit(),
    date: since?.date ?? new Date().toISOString().slice(0, 10),
    load: [since?.load[0] ?? now, now],
  };
}

/** One line to print before anything is measured. */
export const machineLine = ({ processor, cores, node, commit, load }: Machine): string =>
  `${cores} x ${processor}, Node ${node}, commit ${commit}, load ${load[0].toFixed(2)}`;

function commit(): string {
  const git = (...words: string[]): string => execFileSync("git", words, { cwd: ROOT, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src", "bench") === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

/** Writes out/bench/NAME-nodeN.json and returns its path below the root. */
export function writeRun(name: string, run: { readonly machine: Machine }): string {
  const path = `out/bench/${name}-node${run.machine.node.split(".")[0]}.json`;
  mkdirSync(join(ROOT, "out/bench"), { recursive: true });
  writeFileSync(join(ROOT, path), `${JSON.stringify(run, null, 1)}\n`);
  return path;
}
