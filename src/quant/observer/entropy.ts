import { ArgumentError } from "../../errors.ts";
import { roundHalfEven } from "../../tensor/index.ts";
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
  const found = [{ ...full, divergence: divergenceOf(bins, { start, end, ...full }, scheme) }];
  for (let k = most - stride; k >= least; k -= stride) {
    const [from, to] = [Math.max(start, -k - first), Math.min(end, k - first)];
    const low = from === start ? full.min : (first + from) * width;
    const high = to === end ? full.max : (first + to) * width;
    found.push({ min: low, max: high, divergence: divergenceOf(bins, { start: from, end: to, min: low, max: high }, scheme) });
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

function divergenceOf({ counts, first, width }: Bins, { start, end, min, max }: Slice, scheme: Scheme): number {
  const { scale, zeroPoint } = qparamsOf(min, max, scheme);
  const codeOf = (i: number): number => {
    const t = roundHalfEven(((first + i + 0.5) * width) / (scale || 1));
    return Math.min(scheme.qmax, Math.max(scheme.qmin, t + zeroPoint));
  };
  const p = counts.slice(start, end);
  const q = new Float64Array(p.length);
  for (let i = 0; i < p.length; ) {
    const code = codeOf(start + i);
    let next = i;
    let [sum, used] = [0, 0];
    for (; next < p.length && codeOf(start + next) === code; next++) {
      sum += p[next];
      if (p[next] > 0) used++;
    }
    for (; i < next; i++) if (p[i] > 0) q[i] = sum / used;
  }
  for (let i = 0; i < start; i++) p[0] += counts[i];
  for (let i = end; i < counts.length; i++) p[p.length - 1] += counts[i];
  return klDivergence(p, floored(p, q));
}

/** Q as probabilities, where every bin with P > 0 gets at least `FLOOR`: taken off the others, so that the sum stays 1. */
function floored(p: Float64Array, q: Float64Array): Float64Array {
  const total = q.reduce((a, v) => a + v, 0);
  let missing = 0;
  for (let i = 0; i < q.length; i++) if (q[i] === 0 && p[i] > 0) missing++;
  const left = (1 - missing * FLOOR) / total;
  return q.map((v, i) => (v === 0 && p[i] > 0 ? FLOOR : v * left));
}

/**
 * KL(P||Q) = sum p log(p / q) of two distributions, each taken relative to its own sum: 0 where they are equal, infinite
 * where Q lacks what P has, in nats.
 */
export function klDivergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let [allP, allQ] = [0, 0];
  for (let i = 0; i < p.length; i++) {
    allP += p[i];
    allQ += q[i];
  }
  let sum = 0;
  for (let i = 0; i < p.length; i++) if (p[i] > 0) sum += (p[i] / allP) * Math.log((p[i] * allQ) / (q[i] * allP));
  return Math.max(0, sum);
}
