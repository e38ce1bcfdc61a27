import { ArgumentError } from "../../errors.ts";
import type { Floats } from "./observer.ts";

/**
 * A histogram whose bins are [k w, (k+1) w) for integer k, with w a power of two that only grows, by
 * merging whole pairs of bins. So the counts depend on the values alone, never on their order or on how the
 * stream was cut, and scaling by a power of two moves no value to another bin. Exact zeros are counted
 * apart: they are quantized without error and would hide the rest.
 */
export interface Bins {
  readonly counts: Float64Array;
  /** Whether the grid stays as it was made: values beyond it are counted at its ends. */
  readonly fixed: boolean;
  /** Width w; 0 before the first value other than zero. */
  width: number;
  /** The k of bin 0. */
  first: number;
  zeros: number;
  /** Everything counted, zeros included. */
  total: number;
  min: number;
  max: number;
}

/** No counts yet; at least 2 bins. */
export function emptyBins(count: number): Bins {
  if (!Number.isInteger(count) || count < 2) throw new ArgumentError("histogram", `bins must be an integer >= 2, got ${count}`);
  const counts = new Float64Array(count);
  return { counts, fixed: false, width: 0, first: 0, zeros: 0, total: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
}

/** No counts yet, on a grid over a range known beforehand. */
export function fixedBins(count: number, min: number, max: number): Bins {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max))
    throw new ArgumentError("histogram", `range must be finite with min < max, got [${min}, ${max}]`);
  const width = gridWidth(min, max, count);
  return { ...emptyBins(count), fixed: true, width, first: Math.floor(min / width) };
}

/** No counts yet: on the grid of a known range, or on one that grows. */
export const newBins = (count: number, range?: { readonly min: number; readonly max: number }): Bins =>
  range ? fixedBins(count, range.min, range.max) : emptyBins(count);

/** Counts data[start, end), whose extremes are `min` and `max`. */
export function count(bins: Bins, data: Floats, start: number, end: number, min: number, max: number): void {
  cover(bins, min, max);
  const { counts, first, width } = bins;
  bins.total += end - start;
  if (width === 0) {
    bins.zeros += end - start;
    return;
  }
  const perWidth = 1 / width;
  let zeros = 0;
  if (bins.fixed) {
    const last = counts.length - 1;
    for (let i = start; i < end; i++) {
      const v = data[i];
      if (v === 0) zeros++;
      else counts[Math.max(0, Math.min(Math.floor(v * perWidth) - first, last))]++;
    }
  } else
    for (let i = start; i < end; i++) {
      const v = data[i];
      if (v === 0) zeros++;
      else counts[Math.floor(v * perWidth) - first]++;
    }
  bins.zeros += zeros;
}

/** Adds the counts of `other` to `bins`, as if one histogram had seen both streams. Errors: ArgumentError for fixed grids that differ. */
export function merge(bins: Bins, other: Bins): Bins {
  const fits = bins.fixed ? other.fixed && bins.width === other.width && bins.first === other.first : !other.fixed;
  if (!fits || bins.counts.length !== other.counts.length)
    throw new ArgumentError("histogram", "merged histograms must have the same bins or both grow, got others");
  cover(bins, other.min, other.max);
  bins.total += other.total;
  bins.zeros += other.zeros;
  if (other.width > 0) addCounts(bins, other.counts, other.first, other.width / bins.width);
  return bins;
}

/** Adds counts of a grid `ratio` times as wide, 1 or a power of two below it, whose first bin is k = `first`. */
function addCounts(bins: Bins, counts: Float64Array, first: number, ratio: number): void {
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] > 0) bins.counts[Math.floor((i + first) * ratio) - bins.first] += counts[i];
  }
}

/** Widens the grid until it holds [min, max], merging whole bins. */
function cover(bins: Bins, min: number, max: number): void {
  if (min >= bins.min && max <= bins.max) return;
  bins.min = Math.min(bins.min, min);
  bins.max = Math.max(bins.max, max);
  if (bins.fixed) return;
  const width = gridWidth(bins.min, bins.max, bins.counts.length);
  if (width === 0) return;
  const first = Math.floor(bins.min / width);
  if (bins.width > 0 && (width !== bins.width || first !== bins.first)) regroup(bins, width, first);
  bins.width = width;
  bins.first = first;
}

/** Smallest power of two at which `count` bins hold [min, max]; never finer than the values' own resolution. */
function gridWidth(min: number, max: number, count: number): number {
  const largest = Math.max(Math.abs(min), Math.abs(max));
  if (largest === 0) return 0;
  const resolution = largest * 2 ** -40;
  let width = powerBelow(Math.max((max - min) / count, resolution));
  while (width < resolution || Math.floor(max / width) - Math.floor(min / width) >= count) width *= 2;
  return width;
}

/** A power of two at or below x, x > 0, kept among the normal numbers. */
function powerBelow(x: number): number {
  let power = 2 ** Math.max(-1000, Math.floor(Math.log2(x)));
  while (power > x && power > 2 ** -1000) power /= 2;
  return power;
}

function regroup(bins: Bins, width: number, first: number): void {
  const old = bins.counts.slice();
  const [oldFirst, ratio] = [bins.first, bins.width / width];
  bins.counts.fill(0);
  addCounts(Object.assign(bins, { first }), old, oldFirst, ratio);
}

/**
 * The value below which a share q in [0, 1] of the counts lies, linear inside a bin and clamped to
 * the extremes; q = 0 and q = 1 give the extremes exactly.
 */
export function quantile(bins: Bins, q: number): number {
  const { counts, first, width, zeros, total, min, max } = bins;
  if (q <= 0) return min;
  if (q >= 1) return max;
  const target = q * total;
  const zeroBin = -first; // the zeros lie at the lower edge of bin k = 0
  let below = 0;
  for (let i = 0; i <= counts.length; i++) {
    if (i === Math.min(Math.max(zeroBin, 0), counts.length) && zeros > 0) {
      if (below + zeros >= target) return 0;
      below += zeros;
    }
    if (i === counts.length) break;
    if (below + counts[i] >= target && counts[i] > 0) {
      const value = (first + i + (target - below) / counts[i]) * width;
      return Math.min(max, Math.max(min, value));
    }
    below += counts[i];
  }
  return max;
}

/** Centres and counts of the bins that hold anything (zeros left out), as points a search can weigh. */
export function pointsOf({ counts, first, width }: Bins): { values: Float64Array; weights: Float64Array } {
  let used = 0;
  for (const n of counts) if (n > 0) used++;
  const values = new Float64Array(used);
  const weights = new Float64Array(used);
  for (let i = 0, j = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    values[j] = (first + i + 0.5) * width;
    weights[j++] = counts[i];
  }
  return { values, weights };
}
