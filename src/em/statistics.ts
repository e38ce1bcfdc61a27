import { exp, log } from "../elementary.ts";
import { addTo, BLOCK } from "./sum.ts";

/** Weights, means and variances of two normal components, in no particular order. */
export interface Components {
  /** Shares of the population; they add up to 1. */
  readonly weights: readonly [number, number];
  readonly means: readonly [number, number];
  readonly variances: readonly [number, number];
}

/** Slots of the statistics of a pass: the log-likelihood sum, then zeroth to second moments of both components about their means. */
export const SLOT = { logLikelihood: 0, count: 1, first: 3, second: 5, size: 7 } as const;

/** Writes the statistics of all scores under the given components. */
export type Pass = (at: Components, stats: Float64Array) => void;

/** Log of the weighted density of a component at its mean. */
export const logPeak = (at: Components, k: 0 | 1): number => log(at.weights[k]) - 0.5 * log(2 * Math.PI * at.variances[k]);

/**
 * Responsibilities and moments of one pass, in the closed two-component form: with d the log-odds of component 1,
 * r1 = 1 / (1 + exp(-d)) and log-sum-exp = max(a0, a1) + log(1 + exp(-|d|)). Factors 1 + exp(-|d|) lie in (1, 2], so a
 * block of 128 of them is multiplied up and costs a single logarithm.
 *
 * Moments are taken about the current means, which keeps the variance free of cancellation.
 */
export function accumulate(scores: Float64Array, at: Components, stats: Float64Array): void {
  const [mean0, mean1] = at.means;
  const half0 = -0.5 / at.variances[0];
  const half1 = -0.5 / at.variances[1];
  const log0 = logPeak(at, 0);
  const log1 = logPeak(at, 1);
  const lost = new Float64Array(SLOT.size);
  stats.fill(0);
  for (let start = 0; start < scores.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, scores.length);
    let best = 0;
    let product = 1;
    let n0 = 0;
    let n1 = 0;
    let f0 = 0;
    let f1 = 0;
    let s0 = 0;
    let s1 = 0;
    for (let i = start; i < end; i++) {
      const d0 = scores[i] - mean0;
      const d1 = scores[i] - mean1;
      const a0 = log0 + half0 * d0 * d0;
      const a1 = log1 + half1 * d1 * d1;
      const first = a0 >= a1;
      const small = exp(first ? a1 - a0 : a0 - a1);
      const total = 1 + small;
      best += first ? a0 : a1;
      product *= total;
      const winner = 1 / total;
      const r0 = first ? winner : small * winner;
      const r1 = first ? small * winner : winner;
      n0 += r0;
      n1 += r1;
      f0 += r0 * d0;
      f1 += r1 * d1;
      s0 += r0 * d0 * d0;
      s1 += r1 * d1 * d1;
    }
    addTo(stats, lost, SLOT.logLikelihood, best + log(product));
    addTo(stats, lost, SLOT.count, n0);
    addTo(stats, lost, SLOT.count + 1, n1);
    addTo(stats, lost, SLOT.first, f0);
    addTo(stats, lost, SLOT.first + 1, f1);
    addTo(stats, lost, SLOT.second, s0);
    addTo(stats, lost, SLOT.second + 1, s1);
  }
  for (let i = 0; i < SLOT.size; i++) stats[i] += lost[i];
}
