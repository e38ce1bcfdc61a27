import { ArgumentError } from "../errors.ts";
import { everyScore, prepareScores, shareAtLeast } from "./scores.ts";
import type { Separator } from "./separator.ts";

/** Centres row by row, the label of every point, and the sum of squared distances to the labelled centres. */
export interface Clustering {
  /** The final centres: [k, dims], row-major. */
  readonly centers: Float64Array;
  /** The cluster of every point: [n]. */
  readonly labels: Int32Array;
  /** Sum of the squared distances of the points to their centres. */
  readonly inertia: number;
  /** Assignments made, the last of which changed nothing unless the limit was met. */
  readonly iterations: number;
}

/**
 * Lloyd's k-means from given centres. A cluster that loses its last point keeps its centre; ties go to the lower
 * label. Labels and inertia belong to the final centres.
 *
 * Shapes: points [n, dims], centers [k, dims], both row-major. Errors: ArgumentError on rows that do not fit and on
 * numbers that are not finite.
 */
export function lloyd(points: Float64Array, dims: number, start: Float64Array, maxIterations: number): Clustering {
  if (!Number.isInteger(dims) || dims < 1 || points.length % dims !== 0 || start.length % dims !== 0 || start.length === 0) {
    throw new ArgumentError(
      "lloyd",
      `points and centers must be rows of dims numbers, got ${points.length} and ${start.length} (dims ${dims})`,
    );
  }
  requireFinite("points", points);
  requireFinite("centers", start);
  const centers = start.slice();
  const labels = new Int32Array(points.length / dims).fill(-1);
  let iterations = 0;
  let settled = false;
  while (iterations < maxIterations && !settled) {
    const before = labels.slice();
    assign(points, dims, centers, labels);
    settled = labels.every((label, i) => label === before[i]);
    if (!settled) recentre(points, dims, centers, labels);
    iterations++;
  }
  return { centers, labels, inertia: assign(points, dims, centers, labels), iterations };
}

function requireFinite(name: string, values: Float64Array): void {
  const at = values.findIndex((v) => !Number.isFinite(v));
  if (at >= 0) throw new ArgumentError("lloyd", `${name} must be finite, got ${values[at]} (number ${at} of ${values.length})`);
}

/** Writes the nearest centre of every point into `labels`; returns the sum of squared distances. */
function assign(points: Float64Array, dims: number, centers: Float64Array, labels: Int32Array): number {
  let inertia = 0;
  for (let i = 0; i < labels.length; i++) {
    let least = Infinity;
    for (let k = 0; k * dims < centers.length; k++) {
      let distance = 0;
      for (let d = 0; d < dims; d++) {
        const gap = points[i * dims + d] - centers[k * dims + d];
        distance += gap * gap;
      }
      if (distance < least) {
        least = distance;
        labels[i] = k;
      }
    }
    inertia += least;
  }
  return inertia;
}

function recentre(points: Float64Array, dims: number, centers: Float64Array, labels: Int32Array): void {
  const sums = new Float64Array(centers.length);
  const counts = new Int32Array(centers.length / dims);
  for (let i = 0; i < labels.length; i++) {
    counts[labels[i]]++;
    for (let d = 0; d < dims; d++) sums[labels[i] * dims + d] += points[i * dims + d];
  }
  for (let j = 0; j < centers.length; j++) {
    const count = counts[Math.floor(j / dims)];
    if (count > 0) centers[j] = sums[j] / count;
  }
}

/** A sorted list cut in two: the first `low` scores, and the rest. */
export interface Cut {
  readonly low: number;
  /** Means of both sides, the lower one first. */
  readonly means: readonly [number, number];
  /** Population variances of both sides, in squared score units. */
  readonly variances: readonly [number, number];
}

/**
 * Lloyd's 2-means of sorted, not all equal scores from their ends, in O(log n) a step by running sums. Every step
 * cuts midway between the means, so both sides always hold a score. Shape: scores [n].
 */
export function twoMeans(sorted: Float64Array, maxIterations = 100): Cut {
  const n = sorted.length;
  const origin = sorted[0];
  const sums = new Float64Array(n + 1);
  const squares = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    const h = sorted[i] - origin;
    sums[i + 1] = sums[i] + h;
    squares[i + 1] = squares[i] + h * h;
  }
  const means: [number, number] = [0, sorted[n - 1] - origin];
  let low = -1;
  for (let t = 0; t < maxIterations; t++) {
    const next = countBelow(sorted, origin + 0.5 * (means[0] + means[1]));
    if (next === low) break;
    low = next;
    means[0] = sums[low] / low;
    means[1] = (sums[n] - sums[low]) / (n - low);
  }
  const variance = (total: number, count: number, mean: number): number => Math.max(0, total / count - mean * mean);
  return {
    low,
    means: [origin + means[0], origin + means[1]],
    variances: [variance(squares[low], low, means[0]), variance(squares[n] - squares[low], n - low, means[1])],
  };
}

/** How many sorted scores lie at or below `limit`, at least 1 and at most all but 1. */
function countBelow(sorted: Float64Array, limit: number): number {
  let low = 1;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Options of `kmeans1d`. */
export interface KmeansOptions {
  /** Most scores in the fit; more are thinned. Default 200 000. */
  readonly maxScores?: number;
}

/**
 * Inliers by 2-means of the scores, the cluster of the larger mean (InlierQ Table 3). The posterior is 0 or 1.
 *
 * Unstated: the initialisation; here the least and the largest score.
 */
export const kmeans1d = ({ maxScores = 200_000 }: KmeansOptions = {}): Separator => ({
  name: "kmeans1d",
  fit(scores) {
    const prepared = prepareScores("kmeans1d", scores, maxScores, false);
    if (typeof prepared === "string") return everyScore([prepared]);
    const { low } = twoMeans(prepared.sorted);
    const threshold = prepared.sorted[low];
    return {
      mixture: undefined,
      threshold,
      posterior: (h) => (h >= threshold ? 1 : 0),
      isInlier: (h) => h >= threshold,
      inlierShare: shareAtLeast(scores, threshold),
      flags: prepared.zerosExcluded ? ["zeros-are-anomalies"] : [],
      trace: [],
    };
  },
});
