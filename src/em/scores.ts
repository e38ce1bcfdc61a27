import { ArgumentError } from "../errors.ts";
import type { Separation, SeparationFlag } from "./separator.ts";
import { blockedSum } from "./sum.ts";

/** Scores ready to be separated: checked, thinned and sorted. */
export interface Prepared {
  /** Ascending; the positive scores only when `zerosExcluded`. */
  readonly sorted: Float64Array;
  /** Mean of `sorted`, the unit every fit works in. */
  readonly mean: number;
  /** Exact zeros are anomalies by definition and took no part. */
  readonly zerosExcluded: boolean;
}

const MIN_VOLUMES = 32;
const MIN_VALUES = 8;
/** Zeros are left out of the fit where the share of non-zero scores is below this. */
const NONZERO_SHARE = 0.9;
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * Checks, thins and sorts scores, or returns the flag of the degenerate rule that makes every score an inlier.
 * Throws ArgumentError on an empty list and on a score that is negative, NaN or infinite.
 */
export function prepareScores(where: string, scores: Float64Array, maxScores: number, dropZeros: boolean): Prepared | SeparationFlag {
  if (scores.length === 0) throw new ArgumentError(where, "needs at least 1 score, got 0");
  let zeros = 0;
  for (let i = 0; i < scores.length; i++) {
    const h = scores[i];
    if (!(h >= 0 && h < Infinity)) {
      throw new ArgumentError(where, `every score must be finite and >= 0, got ${h} (score ${i} of ${scores.length})`);
    }
    if (h === 0) zeros++;
  }
  if (zeros === scores.length) return "no-gradient";
  const zerosExcluded = zeros > 0 && (dropZeros || scores.length - zeros < NONZERO_SHARE * scores.length);
  const kept = zerosExcluded ? scores.filter((h) => h > 0) : scores;
  const sorted = thin(kept, maxScores).sort();
  if (sorted[0] === sorted[sorted.length - 1]) return zerosExcluded ? "few-values" : "degenerate-constant";
  if (sorted.length < MIN_VOLUMES) return "few-volumes";
  if (distinct(sorted, MIN_VALUES) < MIN_VALUES) return "few-values";
  return { sorted, mean: blockedSum(sorted) / sorted.length, zerosExcluded };
}

/**
 * At most `count` scores, one from each of `count` equal stretches of the list.
 *
 * Departure: algorithms such as this take a seeded stride; positions jittered by the golden ratio need no seed and
 * cannot fall in step with the rows of a map.
 */
function thin(scores: Float64Array, count: number): Float64Array {
  if (scores.length <= count) return scores.slice();
  const step = scores.length / count;
  return Float64Array.from({ length: count }, (_, i) => scores[Math.floor((i + ((i * GOLDEN_RATIO) % 1)) * step)]);
}

function distinct(sorted: Float64Array, enough: number): number {
  let count = 1;
  for (let i = 1; i < sorted.length && count < enough; i++) if (sorted[i] !== sorted[i - 1]) count++;
  return count;
}

/** The smallest value that at least a share `q` of `sorted` does not exceed: unchanged when every score is doubled up. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

/** Share of scores at or above a threshold. */
export function shareAtLeast(scores: Float64Array, threshold: number): number {
  let count = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i] >= threshold) count++;
  return count / scores.length;
}

/** The separation in which every score is an inlier. */
export const everyScore = (flags: readonly SeparationFlag[]): Separation => ({
  mixture: undefined,
  threshold: -Infinity,
  posterior: () => 1,
  isInlier: () => true,
  inlierShare: 1,
  flags,
  trace: [],
});

/** The separation after a fit that came to nothing: every score that took part is an inlier, excluded zeros are not. */
export function everyFitted(
  scores: Float64Array,
  zerosExcluded: boolean,
  flags: readonly SeparationFlag[],
  trace: readonly number[],
): Separation {
  if (!zerosExcluded) return { ...everyScore(flags), trace };
  const isInlier = (h: number): boolean => h > 0;
  return {
    mixture: undefined,
    threshold: Number.MIN_VALUE,
    posterior: (h) => (isInlier(h) ? 1 : 0),
    isInlier,
    inlierShare: shareAtLeast(scores, Number.MIN_VALUE),
    flags,
    trace,
  };
}
