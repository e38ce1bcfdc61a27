import { qparamsOf, type Scheme } from "../scheme.ts";
import { type Powers, power } from "./power.ts";

/** Weighted values a range is judged on; `width` > 0 where a value stands for a bin of that width. */
export interface Points {
  readonly values: Float64Array;
  readonly weights?: Float64Array;
  readonly width: number;
}

/** A range with its loss: sum of weight * |fakeQuant(v) - v|^p. */
export interface Candidate {
  readonly min: number;
  readonly max: number;
  readonly loss: number;
}

/** Options of the search. */
export interface SearchOptions {
  /** Shrink factors tried per ladder: 1, 1 - 1/steps * 0.8, ... 0.2. Default 80. */
  readonly steps?: number;
}

/**
 * Tries shrunken ranges: both ends together, then each end alone around the best so far; one-sided and
 * symmetric data shrink their only end. The full range is always the first candidate, and ties keep the
 * earlier one, so the result is never worse than min-max on these points.
 *
 * Returns every candidate in the order tried.
 */
export function searchRange(
  points: Points,
  min: number,
  max: number,
  scheme: Scheme,
  powers: Powers,
  { steps = 80 }: SearchOptions = {},
): Candidate[] {
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const loss = lossOf(points, scheme, powers);
  const tried: Candidate[] = [];
  const offer = (a: number, b: number): void => void tried.push({ min: a, max: b, loss: loss(a, b) });
  const factors = Array.from({ length: steps }, (_, i) => 1 - (0.8 * i) / steps);
  for (const f of factors) offer(low * f, high * f);
  if (scheme.mapping !== "affine" || low === 0 || high === 0) return tried;
  const both = best(tried);
  for (const f of factors) offer(both.min, high * f);
  const above = best(tried);
  for (const f of factors) offer(low * f, above.max);
  return tried;
}

/** The first candidate of least loss. */
export function best(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((a, c) => (c.loss < a.loss ? c : a));
}

/** 1.5 * 2^52: adding and taking it away rounds |x| < 2^51 half to even. */
const ROUND = 6755399441055744;

/** Loss of a range on the points; reads the parameters that `chooseQParams` would give it. */
export function lossOf(points: Points, scheme: Scheme, powers: Powers): (min: number, max: number) => number {
  return (min, max) => {
    const { scale, zeroPoint } = qparamsOf(min, max, scheme);
    return errorOf(points, scale || 1, scheme.qmin - zeroPoint, scheme.qmax - zeroPoint, powers);
  };
}

/** Sum of weight * |s clamp(round(v / s), lowest, highest) - v|^p. */
function errorOf({ values, weights, width }: Points, s: number, lowest: number, highest: number, powers: Powers): number {
  // A bin wider than a quarter step blurs the rounding error of its members: expect the uniform one.
  const blurred = width > s / 4;
  const expected = power(s / 2, powers) / (powers.p + 1);
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const t = values[i] / s;
    const nearest = t + ROUND - ROUND;
    const code = Math.max(lowest, Math.min(nearest, highest));
    const error = blurred && code === nearest ? expected : power(Math.abs(t - code) * s, powers);
    sum += weights ? weights[i] * error : error;
  }
  return sum;
}
