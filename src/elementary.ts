/**
 * Elementary functions with the same bits on every engine: only additions, multiplications and divisions of doubles.
 * `Math.exp` and its kin differ in the last bit between engines, and a record would with them.
 */

/** Logarithm of 2 and a quarter turn in parts: multiples of all but the last below 2^20 are exact. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const QUARTER_TURN = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;

/** 1/n! for n up to 18. */
const INVERSE_FACTORIALS: readonly number[] = /* @__PURE__ */ inverseFactorials(18);

const word = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

function inverseFactorials(last: number): number[] {
  const found = [1];
  for (let n = 1, factorial = 1; n <= last; n++) {
    factorial *= n;
    found.push(1 / factorial);
  }
  return found;
}

/** 2^k for whole k in [-1022, 1023]. */
function powerOfTwo(k: number): number {
  word.setInt32(0, (k + 1023) << 20);
  word.setInt32(4, 0);
  return word.getFloat64(0);
}

/** e^x within 1 ulp; 0 below the least double, infinite above the largest. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.79) return Number.POSITIVE_INFINITY;
  if (x < -745.2) return 0;
  const k = Math.floor(x * Math.LOG2E + 0.5);
  const rest = x - k * LN2_HIGH - k * LN2_LOW;
  // The Taylor series: |rest| <= 0.35, so that the term of power 14 is below 2^-57.
  let sum = INVERSE_FACTORIALS[13];
  for (let n = 12; n >= 0; n--) sum = sum * rest + INVERSE_FACTORIALS[n];
  const half = k >> 1;
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** Natural logarithm within 1 ulp; -Infinity at 0, NaN below. */
export function log(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) return x === 0 ? Number.NEGATIVE_INFINITY : x > 0 ? x : Number.NaN;
  const tiny = x < 2 ** -1022;
  word.setFloat64(0, tiny ? x * 2 ** 54 : x);
  const high = word.getUint32(0);
  const biased = high >>> 20;
  word.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = word.getFloat64(0);
  let exponent = biased - 1023 - (tiny ? 54 : 0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  // log(1 + f) = 2 artanh(s) = f - s (f - tail), s = f / (2 + f), |s| <= 0.172: the term of power 25 is below 2^-60.
  const f = mantissa - 1;
  const s = f / (2 + f);
  const square = s * s;
  let tail = 0;
  for (let n = 23; n >= 3; n -= 2) tail = (tail + 2 / n) * square;
  return exponent * LN2_HIGH - (s * (f - tail) - exponent * LN2_LOW - f);
}

/** log(1 + x) within 2 ulp, for small x too. */
export function log1p(x: number): number {
  const sum = 1 + x;
  // What rounding took from the sum is put back to first order.
  return sum === 1 ? x : (log(sum) * x) / (sum - 1);
}

/** Sum of (-1)^i r^(2i) / (first + 2i)! over the powers up to `last`. */
function alternating(square: number, first: number, last: number): number {
  let sum = INVERSE_FACTORIALS[last];
  for (let n = last - 2; n >= first; n -= 2) sum = INVERSE_FACTORIALS[n] - sum * square;
  return sum;
}

/** Cosine of x + quarters * pi/2. */
function cosineOf(x: number, quarters: number): number {
  const turns = Math.floor(x / QUARTER_TURN[0] + 0.5);
  const rest = x - turns * QUARTER_TURN[0] - turns * QUARTER_TURN[1] - turns * QUARTER_TURN[2];
  const square = rest * rest;
  const quadrant = (((turns + quarters) % 4) + 4) % 4;
  const value = quadrant % 2 === 0 ? alternating(square, 0, 18) : rest * alternating(square, 1, 17);
  return quadrant === 1 || quadrant === 2 ? -value : value;
}

/** Cosine of an angle in radians, |x| below a million, within 1e-15. */
export const cos = (x: number): number => cosineOf(x, 0);

/** Sine of an angle in radians, |x| below a million, within 1e-15. */
export const sin = (x: number): number => cosineOf(x, -1);

/** Length of a vector, for components far from overflow. */
export const hypot = (x: number, y: number): number => Math.sqrt(x * x + y * y);

/** Hyperbolic tangent within 4 ulp. */
export function tanh(x: number): number {
  if (Math.abs(x) >= 0.5) return 1 - 2 / (exp(2 * x) + 1);
  // The continued fraction x / (1 + x² / (3 + x² / (5 + ...))): its 9th denominator changes nothing here.
  let below = 17;
  for (let odd = 15; odd >= 1; odd -= 2) below = odd + (x * x) / below;
  return x / below;
}

/** 1 / √(2π). */
const DENSITY_AT_0 = 0.3989422804014327;

/** Density of the standard normal distribution. */
export const normalDensity = (x: number): number => DENSITY_AT_0 * exp(-0.5 * x * x);

/**
 * Share of the standard normal distribution below x: absolute error below 1e-15, relative error below 1e-13 down to x = -37.
 *
 * Source: Abramowitz and Stegun 26.2.11 near 0, 26.2.14 beyond.
 */
export function normalDistribution(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (size > 39) return x < 0 ? 0 : 1;
  if (size < 3) {
    // Φ(x) = 1/2 + φ(x) Σ x^(2n+1) / (1 · 3 ··· (2n+1)): all terms have the sign of x.
    let term = x;
    let sum = 0;
    for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -56; n++) {
      sum += term;
      term *= (x * x) / (2 * n + 1);
    }
    return 0.5 + normalDensity(x) * sum;
  }
  // The continued fraction φ(x) / (x + 1 / (x + 2 / (x + ...))): from 3 on its 80th denominator changes nothing.
  let below = size;
  for (let n = 80; n >= 1; n--) below = size + n / below;
  const tail = normalDensity(size) / below;
  return x < 0 ? tail : 1 - tail;
}
