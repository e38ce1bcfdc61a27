import { qparamsOf, roundHalfEven, type Scheme } from "../scheme.ts";

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
  /** Exponent of the error. Default 2.4 (BRECQ, QDrop). */
  readonly p?: number;
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
export function searchRange(points: Points, min: number, max: number, scheme: Scheme, options: SearchOptions = {}): Candidate[] {
  const { p = 2.4, steps = 80 } = options;
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const loss = lossOf(points, scheme, p);
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

const POWER_STEPS = 2048;

/** |r|^p for r in [0, 1/2], by table; linear interpolation, exact at both ends. */
function powerTable(p: number): Float64Array {
  return Float64Array.from({ length: POWER_STEPS + 2 }, (_, i) => (i / (2 * POWER_STEPS)) ** p);
}

/** Loss of a range on the points; reads the parameters that `chooseQParams` would give it. */
export function lossOf({ values, weights, width }: Points, scheme: Scheme, p: number): (min: number, max: number) => number {
  const table = p === 2 ? undefined : powerTable(p);
  return (min, max) => {
    const { scale, zeroPoint } = qparamsOf(min, max, scheme);
    const s = scale || 1;
    const lowest = scheme.qmin - zeroPoint;
    const highest = scheme.qmax - zeroPoint;
    // A bin wider than a quarter step blurs the rounding error of its members: expect the uniform one.
    const blurred = width > s / 4 ? 0.5 ** p / (p + 1) : -1;
    let inside = 0; // in units of s^p
    let outside = 0;
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      const w = weights ? weights[i] : 1;
      const t = v / s;
      const code = roundHalfEven(t);
      if (code < lowest) outside += w * power(lowest * s - v, p);
      else if (code > highest) outside += w * power(v - highest * s, p);
      else if (blurred >= 0) inside += w * blurred;
      else {
        const r = t < code ? code - t : t - code;
        inside += w * (table ? lookUp(table, r) : r * r);
      }
    }
    return inside * (p === 2 ? s * s : s ** p) + outside;
  };
}

const power = (x: number, p: number): number => (p === 2 ? x * x : x ** p);

function lookUp(table: Float64Array, r: number): number {
  const place = r * 2 * POWER_STEPS;
  const i = Math.floor(place);
  return table[i] + (place - i) * (table[i + 1] - table[i]);
}
