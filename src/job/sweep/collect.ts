import { detectionsKept } from "../../detect/index.ts";
import type { Spread, SweepRow } from "../../quant/index.ts";
import { median } from "../median.ts";
import type { RunResult } from "./measure.ts";
import { FLOAT_RUN, type SweepRun } from "./plan.ts";

/** How a run ended. */
export type RunOutcome = { readonly result: RunResult } | { readonly message: string };

/** A run and how it ended. */
interface Ended {
  readonly run: SweepRun;
  readonly outcome: RunOutcome;
}

/**
 * The rows of a table, one a label and scheme: float first, then the schemes in the order of the runs, each with the best
 * mean AP50 first and what failed last. What float found decides what is kept; it is null where float failed.
 */
export function collectRows(runs: readonly SweepRun[], outcomes: ReadonlyMap<string, RunOutcome>): SweepRow[] {
  const groups = new Map<string, Map<string, Ended[]>>();
  for (const run of runs) {
    const outcome = outcomes.get(run.id);
    if (!outcome) continue;
    const scheme = run.config?.scheme ?? "";
    const labels = groups.get(scheme) ?? new Map<string, Ended[]>();
    groups.set(scheme, labels);
    labels.set(run.label, [...(labels.get(run.label) ?? []), { run, outcome }]);
  }
  const first = outcomes.get(FLOAT_RUN.id);
  const float = first && "result" in first ? first.result : undefined;
  return [...groups.values()].flatMap((labels) =>
    [...labels.values()].map((ended) => rowOf(ended, float)).sort((a, b) => (b.AP50?.mean ?? -2) - (a.AP50?.mean ?? -2)),
  );
}

function rowOf(ended: readonly Ended[], float: RunResult | undefined): SweepRow {
  const done = ended.flatMap(({ run, outcome }) => ("result" in outcome ? [{ run, result: outcome.result }] : []));
  const results = done.map((d) => d.result);
  const over = (value: (r: RunResult) => number | null): Spread | null => spread(results.map(value).filter((v) => v !== null));
  const steps = results.flatMap((r) => r.steps);
  const [{ run }] = ended;
  return {
    label: run.label,
    method: run.config?.method ?? run.label,
    scheme: run.config?.scheme ?? "",
    seeds: done.map((d) => d.run.seed),
    AP50: over((r) => r.AP50),
    AP: over((r) => r.AP),
    vocAp50: over((r) => r.vocAp50),
    kept: over((r) => (float ? keptShare(float, r) : null)),
    scoreError: over((r) => r.scoreError),
    seconds: over((r) => r.seconds),
    steps: median(steps),
    bytes: results[0]?.bytes ?? null,
    macsFraction: results[0]?.macsFraction ?? null,
    passed: results.filter((r) => r.passed).length,
    failures: ended.flatMap(({ run: { seed }, outcome }) => ("message" in outcome ? [{ seed, message: outcome.message }] : [])),
  };
}

/** Float keeps its own detections, also those that overlap with nothing: empty boxes. */
const keptShare = (float: RunResult, r: RunResult): number => (r === float ? 1 : detectionsKept(float.detections, r.detections).share);

/** Mean and sample standard deviation; null of nothing. */
export function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  if (values.length === 1) return { mean, deviation: null };
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
