import { log } from "../elementary.ts";
import { ArgumentError } from "../errors.ts";
import { sigmoid } from "./expectationMaximization.ts";
import { everyScore, prepareScores, quantile, shareAtLeast } from "./scores.ts";
import type { SeparationFlag, Separator } from "./separator.ts";

/** Options of `linearSvm`. */
export interface SvmOptions {
  /** Price of the hinge loss (C). Default 1. */
  readonly cost?: number;
  /** "free": the bias costs nothing (libsvm). "penalised": it is one more weight (liblinear). Default "free". */
  readonly bias?: "free" | "penalised";
  /** Stop at this violation of the optimality conditions. Default 1e-8. */
  readonly tolerance?: number;
  /** Most steps: pair updates, or sweeps where the bias is penalised. Default 1 000 000. */
  readonly iterations?: number;
}

/** decision(x) = <weights, x> + bias; `objective` is the primal one. */
export interface SvmFit {
  readonly weights: Float64Array;
  readonly bias: number;
  readonly objective: number;
  /** Whether the optimality conditions hold to the tolerance; false where the limit of steps came first. */
  readonly converged: boolean;
}

/**
 * Linear support vector machine: min 1/2 |w|^2 + C sum max(0, 1 - y (<w, x> + b)), solved in the dual until
 * the optimality conditions hold to `tolerance` or `iterations` is met: `converged` says which.
 *
 * Shapes: points [n, dims] row-major, labels [n] of -1 and 1. Errors: ArgumentError on other labels, odd lengths and a
 * cost that is not positive.
 */
export function linearSvm(points: Float64Array, dims: number, labels: ArrayLike<number>, options: SvmOptions = {}): SvmFit {
  const { cost = 1, bias = "free", tolerance = 1e-8, iterations = 1_000_000 } = options;
  if (points.length !== labels.length * dims) {
    throw new ArgumentError("linearSvm", `points must hold labels.length * dims = ${labels.length * dims} numbers, got ${points.length}`);
  }
  requireCost("linearSvm", cost);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== 1 && labels[i] !== -1) throw new ArgumentError("linearSvm", `labels must be -1 or 1, got ${labels[i]} (label ${i})`);
  }
  const problem = { points, dims, labels, cost, tolerance, iterations };
  return bias === "free" ? pairwise(problem) : coordinateDescent(problem);
}

function requireCost(where: string, cost: number): void {
  if (!(cost > 0 && cost < Infinity)) throw new ArgumentError(where, `cost must be finite and > 0, got ${cost}`);
}

interface Problem {
  readonly points: Float64Array;
  readonly dims: number;
  readonly labels: ArrayLike<number>;
  readonly cost: number;
  readonly tolerance: number;
  readonly iterations: number;
}

const dot = (p: Problem, i: number, weights: Float64Array): number => {
  let sum = 0;
  for (let d = 0; d < p.dims; d++) sum += weights[d] * p.points[i * p.dims + d];
  return sum;
};

const addScaled = (p: Problem, i: number, factor: number, weights: Float64Array): void => {
  for (let d = 0; d < p.dims; d++) weights[d] += factor * p.points[i * p.dims + d];
};

/** Sequential minimal optimisation: move the pair that violates the conditions most, keeping sum alpha y = 0. */
function pairwise(p: Problem): SvmFit {
  const { labels, cost, dims, points } = p;
  const n = labels.length;
  const alpha = new Float64Array(n);
  const weights = new Float64Array(dims);
  /** y - <w, x>: what the bias would have to be for the point to lie on its margin. */
  const target = Float64Array.from({ length: n }, (_, i) => labels[i]);
  let up = -Infinity;
  let down = Infinity;
  let converged = false;
  for (let step = 0; step < p.iterations; step++) {
    let i = -1;
    let j = -1;
    up = -Infinity;
    down = Infinity;
    for (let k = 0; k < n; k++) {
      if ((labels[k] > 0 ? alpha[k] < cost : alpha[k] > 0) && target[k] > up) [up, i] = [target[k], k];
      if ((labels[k] > 0 ? alpha[k] > 0 : alpha[k] < cost) && target[k] < down) [down, j] = [target[k], k];
    }
    converged = i < 0 || j < 0 || up - down <= p.tolerance;
    if (converged) break;
    let distance = 0;
    for (let d = 0; d < dims; d++) distance += (points[i * dims + d] - points[j * dims + d]) ** 2;
    const room = Math.min(labels[i] > 0 ? cost - alpha[i] : alpha[i], labels[j] > 0 ? alpha[j] : cost - alpha[j]);
    const move = Math.min(room, (up - down) / Math.max(distance, Number.MIN_VALUE));
    alpha[i] = clampTo(alpha[i] + labels[i] * move, cost);
    alpha[j] = clampTo(alpha[j] - labels[j] * move, cost);
    addScaled(p, i, move, weights);
    addScaled(p, j, -move, weights);
    for (let k = 0; k < n; k++) target[k] = labels[k] - dot(p, k, weights);
  }
  const bias = Number.isFinite(up) && Number.isFinite(down) ? 0.5 * (up + down) : Number.isFinite(up) ? up : down;
  return { weights, bias, objective: objectiveOf(p, weights, bias, false), converged };
}

/** Snaps to the ends of [0, cost], where rounding would leave a sliver that keeps the pair movable. */
function clampTo(value: number, cost: number): number {
  const sliver = 1e-14 * cost;
  return value <= sliver ? 0 : value >= cost - sliver ? cost : value;
}

/** Dual coordinate descent over all points in turn; the bias is the weight of a constant feature 1. */
function coordinateDescent(p: Problem): SvmFit {
  const { labels, cost } = p;
  const alpha = new Float64Array(labels.length);
  const weights = new Float64Array(p.dims);
  let bias = 0;
  let converged = false;
  for (let sweep = 0; sweep < p.iterations && !converged; sweep++) {
    let violation = 0;
    for (let i = 0; i < labels.length; i++) {
      const gradient = labels[i] * (dot(p, i, weights) + bias) - 1;
      const projected = alpha[i] === 0 ? Math.min(gradient, 0) : alpha[i] === cost ? Math.max(gradient, 0) : gradient;
      violation = Math.max(violation, Math.abs(projected));
      if (projected === 0) continue;
      const square = dot(p, i, p.points.subarray(i * p.dims, (i + 1) * p.dims)) + 1;
      const next = Math.min(cost, Math.max(0, alpha[i] - gradient / square));
      const change = (next - alpha[i]) * labels[i];
      alpha[i] = next;
      addScaled(p, i, change, weights);
      bias += change;
    }
    converged = violation <= p.tolerance;
  }
  return { weights, bias, objective: objectiveOf(p, weights, bias, true), converged };
}

function objectiveOf(p: Problem, weights: Float64Array, bias: number, biasCosts: boolean): number {
  let objective = 0.5 * weights.reduce((sum, w) => sum + w * w, biasCosts ? bias * bias : 0);
  for (let i = 0; i < p.labels.length; i++) objective += p.cost * Math.max(0, 1 - p.labels[i] * (dot(p, i, weights) + bias));
  return objective;
}

/** Options of `svm1d`. */
export interface Svm1dOptions {
  /** Share of the highest scores labelled inlier. Default 0.2. */
  readonly positiveShare?: number;
  /** Share of the lowest scores labelled anomaly. Default 0.5. */
  readonly negativeShare?: number;
  /** Price of the hinge loss. Default 1. */
  readonly cost?: number;
  /** Scores the machine sees, evenly spaced in rank, at least 2. Default 400. */
  readonly points?: number;
  /** Most steps of the machine. Default 20 000. */
  readonly iterations?: number;
  /** Most scores that are ranked; more are thinned. Default 200 000. */
  readonly maxScores?: number;
}

/**
 * Inliers by a linear SVM on [h / mean, log(h / mean)] with pseudo labels from the order of the scores (InlierQ
 * Table 3). In one dimension that is a threshold between the two labelled groups.
 *
 * Unstated: labels and features. Deterministic: the machine sees evenly spaced ranks and is solved until the optimality
 * conditions hold to 1e-6; the flag "not-converged" says that `iterations` steps were not enough.
 *
 * Errors: ArgumentError for options out of range, and as `fitGmm` for the scores.
 */
export const svm1d = (options: Svm1dOptions = {}): Separator => ({
  name: "svm1d",
  fit(scores) {
    const { positiveShare = 0.2, negativeShare = 0.5, cost = 1, points = 400, iterations = 20_000, maxScores = 200_000 } = options;
    if (!(positiveShare > 0 && negativeShare > 0 && positiveShare + negativeShare <= 1)) {
      throw new ArgumentError(
        "svm1d",
        `positiveShare and negativeShare must be > 0 and sum to at most 1, got ${positiveShare} and ${negativeShare}`,
      );
    }
    if (!(Number.isInteger(points) && points >= 2)) throw new ArgumentError("svm1d", `points must be a whole number >= 2, got ${points}`);
    requireCost("svm1d", cost);
    // The logarithm has no place for zeros: they are anomalies.
    const prepared = prepareScores("svm1d", scores, maxScores, true);
    if (typeof prepared === "string") return everyScore([prepared]);
    const { sorted, mean } = prepared;
    const low = quantile(sorted, negativeShare);
    const high = quantile(sorted, 1 - positiveShare);
    const { decide, converged } = decisionOf(sorted, mean, { low, high, cost, points, iterations });
    const threshold = crossing(decide, low, high);
    const flags: SeparationFlag[] = prepared.zerosExcluded ? ["zeros-are-anomalies"] : [];
    if (!converged) flags.push("not-converged");
    return {
      mixture: undefined,
      threshold,
      posterior: (h) => (h > 0 ? sigmoid(decide(h)) : 0),
      isInlier: (h) => h >= threshold,
      inlierShare: shareAtLeast(scores, threshold),
      flags,
      trace: [],
    };
  },
});

interface Labelling {
  readonly low: number;
  readonly high: number;
  readonly cost: number;
  readonly points: number;
  readonly iterations: number;
}

function decisionOf(sorted: Float64Array, mean: number, o: Labelling): { decide: (score: number) => number; converged: boolean } {
  const features: number[] = [];
  const labels: number[] = [];
  for (let i = 0; i < o.points; i++) {
    const h = quantile(sorted, (i + 0.5) / o.points);
    if (h > o.low && h < o.high) continue;
    features.push(h / mean, log(h / mean));
    labels.push(h <= o.low ? -1 : 1);
  }
  const { cost, iterations } = o;
  const { weights, bias, converged } = linearSvm(Float64Array.from(features), 2, labels, { cost, tolerance: 1e-6, iterations });
  return { decide: (h) => weights[0] * (h / mean) + weights[1] * log(h / mean) + bias, converged };
}

/** Where the decision turns positive between the two labelled groups; an end of that gap where it does not. */
function crossing(decide: (score: number) => number, low: number, high: number): number {
  let below = low;
  let above = high;
  if (decide(above) < 0) return above;
  if (decide(below) >= 0) return below;
  for (let i = 0; i < 200 && above - below > Number.EPSILON * above; i++) {
    const middle = 0.5 * (below + above);
    if (decide(middle) >= 0) above = middle;
    else below = middle;
  }
  return above;
}
