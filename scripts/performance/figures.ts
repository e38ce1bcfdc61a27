import type { JobRun } from "../../bench/job.ts";
import type { KernelRow, KernelRun } from "../../bench/kernels.ts";
import type { PeerRow, PeerRun } from "../../bench/peers.ts";
import { medianOf, overRounds, type Round, timeRatio } from "../../bench/statistics.ts";

export type Run = KernelRun | PeerRun | JobRun;

/** The major version of the Node a run was measured under. */
export const nodeOf = ({ machine }: Run): string => machine.node.split(".")[0]!;

/** Ratios and times of the runs under one Node; undefined where a row was not measured. */
export class Figures {
  readonly kernels: KernelRun | undefined;
  readonly peers: PeerRun | undefined;
  readonly job: JobRun | undefined;

  constructor(runs: readonly Run[]) {
    this.kernels = runs.find((run) => run.kind === "kernels");
    this.peers = runs.find((run) => run.kind === "peers");
    this.job = runs.find((run) => run.kind === "job");
  }

  row(name: string): KernelRow | undefined {
    return this.kernels?.rows.find((row) => row.name === name);
  }

  /** Rate over the limit of the same moment, median over rounds. */
  shareOfPeak(name: string): number | undefined {
    const shares = this.row(name)?.shareOfPeak;
    return shares && medianOf(shares);
  }

  /** Floating-point rate of one row over that of another, best calls of a round held to each other. */
  rateRatio(name: string, other: string): number | undefined {
    const times = this.bestRatio(other, name);
    const [a, b] = [this.row(name), this.row(other)];
    return times && a && b && (times * a.flops) / b.flops;
  }

  /** Time of one row over that of another, best calls of a round held to each other. */
  bestRatio(name: string, over: string): number | undefined {
    const [a, b] = [this.row(name), this.row(over)];
    return a && b && timeRatio(bestOf(a), bestOf(b));
  }

  /** How many times as fast a row is as another. */
  speedup(name: string, than: string): number | undefined {
    const [a, b] = [this.row(name), this.row(than)];
    return a && b && timeRatio(b.rounds, a.rounds);
  }

  /** The same in the best of the rounds. */
  bestSpeedup(name: string, than: string): number | undefined {
    const [a, b] = [this.row(name), this.row(than)];
    return a && b && Math.max(...a.rounds.map((round, i) => b.rounds[i]!.median / round.median));
  }

  /** How many times as fast one engine is as another on a problem. */
  against(problem: string, engine: string, than: string): number | undefined {
    const row = this.peers?.rows.find((r) => r.problem === problem);
    return row && timeRatio(roundsOf(row, than), roundsOf(row, engine));
  }
}

/** The rounds of a row as if every call had been as fast as the best. */
const bestOf = ({ rounds }: KernelRow): Round[] => rounds.map(({ best }) => ({ median: best, best }));

/** The times of an engine on a problem by round; none where it could not. */
export function roundsOf({ outcomes }: PeerRow, engine: string): readonly (Round | null)[] {
  const outcome = outcomes[engine];
  return outcome && "rounds" in outcome ? outcome.rounds : [];
}

/** Median and best of an engine on a problem. */
export function timesOf(row: PeerRow, engine: string): Round | undefined {
  const rounds = roundsOf(row, engine).filter((round) => round !== null);
  return rounds.length > 0 ? overRounds(rounds) : undefined;
}
