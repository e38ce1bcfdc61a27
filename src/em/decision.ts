import { log } from "../elementary.ts";
import { logOdds, sigmoid } from "./expectationMaximization.ts";
import type { Components } from "./statistics.ts";

/** How the posterior of a fitted mixture becomes a decision, all in the units of the fit. */
export interface Decision {
  /** Inlier iff score >= threshold; NaN where the literal rule gives no half-line. */
  readonly threshold: number;
  posterior(score: number): number;
}

/** Log of p / (1 - p), infinite at the ends. */
const logit = (p: number): number => log(p / (1 - p));

/**
 * The posterior under the monotone guard, and the threshold it gives.
 *
 * With unequal variances the wide component wins on both tails, so the literal posterior can fall again above the
 * inlier mean, or rise towards zero. The guard is the running maximum of P above its least point on
 * [lowest, inlier mean], constant below. The log-odds are quadratic, so that is P at the score clamped to the rising
 * stretch, and {P >= tau} is one half-line.
 *
 * Departure: InlierQ eq. 11 thresholds the literal posterior.
 */
export function monotoneDecision(at: Components, inlier: 0 | 1, lowest: number, tau: number): Decision {
  const mean = at.means[inlier];
  const anomaly = at.variances[inlier === 0 ? 1 : 0];
  // log-odds(mean + u) = curvature u^2 + slope u + log-odds(mean), slope > 0
  const curvature = 0.5 / anomaly - 0.5 / at.variances[inlier];
  const slope = (mean - at.means[inlier === 0 ? 1 : 0]) / anomaly;
  const vertex = mean - slope / (2 * curvature);
  const from = curvature > 0 ? Math.max(lowest, vertex) : lowest;
  const to = curvature < 0 ? vertex : Infinity;
  const posterior = (score: number): number => sigmoid(logOdds(at, inlier, Math.min(Math.max(score, from), to)));
  if (tau <= 0 || posterior(from) >= tau) return { threshold: -Infinity, posterior };
  if (tau >= 1) return { threshold: Infinity, posterior };
  const above = logOdds(at, inlier, mean) - logit(tau);
  const discriminant = slope * slope - 4 * curvature * above;
  // Below zero the log-odds never reach logit(tau): from there on P >= tau has no solution.
  if (discriminant < 0) return { threshold: Infinity, posterior };
  return { threshold: mean - (2 * above) / (slope + Math.sqrt(discriminant)), posterior };
}

/** InlierQ eq. 11 as written: no guard. The threshold is NaN because the inlier set need not be a half-line. */
export const literalDecision = (at: Components, inlier: 0 | 1): Decision => ({
  threshold: Number.NaN,
  posterior: (score) => sigmoid(logOdds(at, inlier, score)),
});
