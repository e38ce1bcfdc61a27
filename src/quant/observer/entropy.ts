import { log } from "../../elementary.ts";
import { ArgumentError } from "../../errors.ts";
import { qparamsOf, type Scheme } from "../scheme.ts";
import { type Bins, count, merge, newBins } from "./bins.ts";
import { type Observer, observerOf, type PerChannel } from "./observer.ts";

/** Options of `entropy`. */
export interface EntropyOptions {
  /** The format the range is searched for; its axis sets the granularity. */
  readonly scheme: Scheme;
  /** Bins per channel. Default 2048. */
  readonly bins?: number;
  /** Where the bins lie if that is known, values beyond counted at the ends; default as the values come, by doubling. */
  readonly range?: { readonly min: number; readonly max: number };
  /** Thresholds compared at most, evenly spread. Default 256. */
  readonly steps?: number;
}

/** Probability that Q gets where it has none and P has some: only bins that hold clipped values alone. */
const FLOOR = 1e-4;

/**
 * Range of least Kullback-Leibler divergence between a tensor's distribution P, its outliers moved to the ends of the
 * range, and what quantization leaves of it, Q: the unclipped counts of every code spread over that code's bins in use.
 * Candidates cut |x| at T: [max(min, -T), min(max, T)], from the full range down to one with a bin a code; the first of
 * least divergence wins, so the result is never worse than min-max in KL(P||Q). Independent of order and duplication.
 *
 * Source: TensorRT's entropy calibration (Migacz, 2017) and ONNX Runtime's calibrator.
 * Departure: Q's groups are the codes of the very grid the range gives, not equal slices of a histogram of |x|, so
 * one-sided and affine tensors use all 2^b codes. Departure: 2048 bins; ONNX Runtime's default of 128 bins and 128 levels
 * leaves one candidate. Departure: exact zeros are left out of P and Q: every grid holds them, and after a ReLU they
 * outweigh the rest. Departure: bins that Q lacks get a probability of 1e-4, where ONNX Runtime adds counts of 1e-4.
 *
 * Errors: ArgumentError where steps is no whole number of at least 1.
 */
export function entropy({ scheme, bins = 2048, range, steps = 256 }: EntropyOptions): Observer<PerChannel<Bins>> {
  if (!Number.isInteger(steps) || steps < 1) throw new ArgumentError("entropy", `steps must be an integer >= 1, got ${steps}`);
  return observerOf(
    "entropy",
    {
      init: () => newBins(bins, range),
      addRun: count,
      merge,
      result: (all) => (all.total === 0 ? undefined : leastDivergence(all, scheme, steps)),
    },
    { axis: scheme.axis },
  );
}

/** A candidate range and the divergence it causes. */
export interface Divergence {
  readonly min: number;
  readonly max: number;
  readonly divergence: number;
}

const leastDivergence = (bins: Bins, scheme: Scheme, steps: number): Divergence =>
  divergences(bins, scheme, steps).reduce((a, c) => (c.divergence < a.divergence ? c : a));

/** Every candidate in the order tried, the full range first. */
export function divergences(bins: Bins, scheme: Scheme, steps: number): Divergence[] {
  const { width, first } = bins;
  const full = { min: Math.min(bins.min, 0), max: Math.max(bins.max, 0) };
  if (width === 0) return [{ ...full, divergence: 0 }];
  // Bins in use are first + [start, end), those of the candidate T = k w lie in [-k, k).
  const start = bins.counts.findIndex((n) => n > 0);
  const end = bins.counts.findLastIndex((n) => n > 0) + 1;
  const most = Math.max(-(first + start), first + end);
  const least = leastThreshold(-(first + start), first + end, scheme.qmax - scheme.qmin + 1);
  const stride = Math.max(1, Math.ceil((most - least) / steps));
  const sums = sumsOf(bins);
  const found = [{ ...full, divergence: divergenceOf(bins, sums, { start, end, ...full }, scheme) }];
  for (let k = most - stride; k >= least; k -= stride) {
    const [from, to] = [Math.max(start, -k - first), Math.min(end, k - first)];
    const low = from === start ? full.min : (first + from) * width;
    const high = to === end ? full.max : (first + to) * width;
    found.push({ min: low, max: high, divergence: divergenceOf(bins, sums, { start: from, end: to, min: low, max: high }, scheme) });
  }
  return found;
}

/** The smallest k at which the bins in use within [-k, k) are as many as the codes; `below` and `above` zero lie that many. */
function leastThreshold(below: number, above: number, codes: number): number {
  const shorter = Math.max(0, Math.min(below, above));
  const both = Math.ceil(codes / 2);
  return both <= shorter ? both : codes - shorter;
}

/** Bins [start, end) and the range they stand for. */
interface Slice {
  readonly start: number;
  readonly end: number;
  readonly min: number;
  readonly max: number;
}

/** Running sums over the bins before each: counts, bins in use, and p log p of their probabilities. */
interface Sums {
  readonly counts: Float64Array;
  readonly used: Float64Array;
  readonly plogp: Float64Array;
}

function sumsOf({ counts }: Bins): Sums {
  const all = counts.reduce((a, n) => a + n, 0);
  const sums = {
    counts: new Float64Array(counts.length + 1),
    used: new Float64Array(counts.length + 1),
    plogp: new Float64Array(counts.length + 1),
  };
  for (let i = 0; i < counts.length; i++) {
    const n = counts[i];
    sums.counts[i + 1] = sums.counts[i] + n;
    sums.used[i + 1] = sums.used[i] + (n > 0 ? 1 : 0);
    sums.plogp[i + 1] = sums.plogp[i] + plogp(n / all);
  }
  return sums;
}

const plogp = (p: number): number => (p > 0 ? p * log(p) : 0);

/** KL(P||Q) of a candidate: P log P from running sums, P log Q code by code, and what clipping adds to the bins at the ends. */
function divergenceOf(bins: Bins, sums: Sums, slice: Slice, scheme: Scheme): number {
  const { start, end } = slice;
  const all = sums.counts[bins.counts.length];
  const inside = sums.counts[end] - sums.counts[start];
  if (inside === 0) return Number.POSITIVE_INFINITY;
  const clipped = clippedAt(bins, sums, slice);
  const share = 1 - FLOOR * clipped.filter((c) => c.own === 0).length;
  const starts = codeStarts(bins, slice, scheme);
  let divergence = sums.plogp[end] - sums.plogp[start];
  for (let g = 0; g + 1 < starts.length; g++) {
    const [from, to] = [starts[g], starts[g + 1]];
    const sum = sums.counts[to] - sums.counts[from];
    if (sum === 0) continue;
    const q = (share * sum) / (sums.used[to] - sums.used[from]) / inside;
    divergence -= (sum / all) * log(q);
    for (const { bin, own, extra } of clipped) {
      if (bin >= from && bin < to && own > 0) divergence += plogp((own + extra) / all) - plogp(own / all) - (extra / all) * log(q);
    }
  }
  for (const { own, extra } of clipped) if (own === 0) divergence += plogp(extra / all) - (extra / all) * log(FLOOR);
  return Math.max(0, divergence);
}

/** The bins that hold clipped values, with what they have of their own. */
function clippedAt({ counts }: Bins, sums: Sums, { start, end }: Slice): { bin: number; own: number; extra: number }[] {
  const [below, above] = [sums.counts[start], sums.counts[counts.length] - sums.counts[end]];
  const ends = [
    { bin: start, own: counts[start], extra: below },
    { bin: end - 1, own: counts[end - 1], extra: above },
  ];
  if (end - start === 1) return [{ ...ends[0], extra: below + above }];
  return ends.filter((e) => e.extra > 0);
}

/** Adding and taking it away rounds |x| < 2^51 half to even. */
const ROUND = 6755399441055744;

/** The first bin of every code that the slice's bins fall on, by their centres, and the end of the last. */
function codeStarts({ first, width }: Bins, { start, end, min, max }: Slice, scheme: Scheme): number[] {
  const { scale, zeroPoint } = qparamsOf(min, max, scheme);
  const step = scale || 1;
  const [lowest, highest] = [scheme.qmin - zeroPoint, scheme.qmax - zeroPoint];
  const codeOf = (i: number): number => Math.max(lowest, ((first + i + 0.5) * width) / step + ROUND - ROUND);
  const starts = [start];
  for (let code = codeOf(start); code < highest; ) {
    let next = Math.min(end, Math.max(starts[starts.length - 1] + 1, Math.floor(((code + 0.5) * step) / width - first)));
    while (next > starts[starts.length - 1] + 1 && codeOf(next - 1) > code) next--;
    while (next < end && codeOf(next) <= code) next++;
    if (next >= end) break;
    starts.push(next);
    code = codeOf(next);
  }
  return [...starts, end];
}

/**
 * KL(P||Q) = sum p log(p / q) of two distributions, each taken relative to its own sum: 0 where they are equal, infinite
 * where Q lacks what P has, in nats. Definition: Kullback and Leibler, 1951.
 */
export function klDivergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let [allP, allQ] = [0, 0];
  for (let i = 0; i < p.length; i++) {
    allP += p[i];
    allQ += q[i];
  }
  let sum = 0;
  for (let i = 0; i < p.length; i++) if (p[i] > 0) sum += (p[i] / allP) * log((p[i] * allQ) / (q[i] * allP));
  return Math.max(0, sum);
}
