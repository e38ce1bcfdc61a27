import { type Expr, type FunctionBuilder, f32x4, i32, i32x4, type Local, op } from "../../wasm/index.ts";

type Vector = Expr<"v128">;

export const add = (a: Vector, b: Vector): Vector => op("f32x4.add", a, b);
export const sub = (a: Vector, b: Vector): Vector => op("f32x4.sub", a, b);
export const mul = (a: Vector, b: Vector): Vector => op("f32x4.mul", a, b);
export const div = (a: Vector, b: Vector): Vector => op("f32x4.div", a, b);
export const min = (a: Vector, b: Vector): Vector => op("f32x4.min", a, b);
export const max = (a: Vector, b: Vector): Vector => op("f32x4.max", a, b);
export const abs = (a: Vector): Vector => op("f32x4.abs", a);
/** `then` in the lanes where the mask is set, `otherwise` in the rest. */
export const select = (mask: Vector, then: Vector, otherwise: Vector): Vector => op("v128.bitselect", then, otherwise, mask);

/** min and max in one instruction that keep a NaN in `a`; the sign of a zero is not defined. */
export const above = (a: Vector, low: Vector): Vector => op("f32x4.pmax", a, low);
export const below = (a: Vector, high: Vector): Vector => op("f32x4.pmin", a, high);

/** Horner's rule, coefficients from the constant up. */
function polynomial(x: Vector, coefficients: readonly number[]): Vector {
  return coefficients
    .slice(0, -1)
    .reduceRight<Vector>((sum, c) => add(mul(sum, x), f32x4(c)), f32x4(coefficients[coefficients.length - 1]!));
}

/** (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2, Chebyshev fit, error 1.4e-9. */
const EXP = [0.5, 0.1666666716337204, 0.04166646674275398, 0.0083332983776927, 0.0013933650916442275, 0.00019899285689461976];
/** (log(1 + f) - f + f^2 / 2) / f^3 on 1/sqrt 2 <= 1 + f <= sqrt 2, Chebyshev fit, error 2.5e-8. */
const LOG = [
  0.3333333134651184, -0.24999989569187164, 0.20000708103179932, -0.1666848063468933, 0.14249937236309052, -0.12411050498485565,
  0.11661510914564133, -0.115712009370327, 0.07149753719568253,
];
/** (tanh x - x) / x^3 in x^2 on |x| <= 0.63, Chebyshev fit, error 1.7e-9. */
const TANH = [
  -0.3333333432674408, 0.1333330273628235, -0.05395888909697533, 0.021765749901533127, -0.008333232253789902, 0.0022803228348493576,
];

/** ln 2 in two parts; the first has 9 significant bits, so that its product with an exponent is exact. */
const LN2_HIGH = 355 / 512;
const LN2_LOW = Math.LN2 - LN2_HIGH;

/** 2^n for integer lanes -126 <= n <= 127. */
const powerOfTwo = (n: Vector): Vector => op("i32x4.add", op("i32x4.shl", n, i32(23)), i32x4(0x3f800000));

/** 1.5 * 2^23: a float of size below 2^22 that is added to it is rounded to an integer, found in its low bits. */
const MAGIC = 12582912;
const MAGIC_BITS = 0x4b400000;

/** e^x as two normal factors: x = n ln 2 + r, and 2^n split in halves, so that their product underflows gradually. */
function expFactors(f: FunctionBuilder, x: Vector): [Local<"v128">, Local<"v128">] {
  const bounded = f.let(above(below(x, f32x4(100)), f32x4(-110)));
  const shifted = f.let(add(mul(bounded, f32x4(Math.LOG2E)), f32x4(MAGIC)));
  const n = f.let(sub(shifted, f32x4(MAGIC)));
  const r = f.let(sub(sub(bounded, mul(n, f32x4(LN2_HIGH))), mul(n, f32x4(LN2_LOW))));
  const y = f.let(add(add(mul(polynomial(r, EXP), mul(r, r)), r), f32x4(1)));
  const whole = f.let(op("i32x4.sub", shifted, i32x4(MAGIC_BITS)));
  const half = f.let(op("i32x4.shr_s", whole, i32(1)));
  return [f.let(mul(y, powerOfTwo(half))), f.let(powerOfTwo(op("i32x4.sub", whole, half)))];
}

/** e^x. */
export const exp = (f: FunctionBuilder, x: Vector): Local<"v128"> => f.let(mul(...expFactors(f, x)));

/** Natural logarithm: x = 2^e (1 + f) with 1 + f around 1. */
export function log(f: FunctionBuilder, x: Vector): Local<"v128"> {
  const input = f.let(x);
  const tiny = f.let(op("f32x4.lt", input, f32x4(2 ** -126)));
  const normal = f.let(select(tiny, mul(input, f32x4(2 ** 23)), input));
  const SQRT_HALF = 0x3f3504f3;
  const bits = f.let(op("i32x4.sub", normal, i32x4(SQRT_HALF)));
  const exponent = op("f32x4.convert_i32x4_s", op("i32x4.shr_s", bits, i32(23)));
  const e = f.let(sub(exponent, op("v128.and", tiny, f32x4(23))));
  const m = f.let(sub(op("i32x4.add", op("v128.and", bits, i32x4(0x7fffff)), i32x4(SQRT_HALF)), f32x4(1)));
  const square = f.let(mul(m, m));
  const rest = add(sub(mul(mul(polynomial(m, LOG), square), m), mul(square, f32x4(0.5))), mul(e, f32x4(LN2_LOW)));
  const y = f.let(add(mul(e, f32x4(LN2_HIGH)), add(m, rest)));
  // Infinity and NaN give themselves, zero -Infinity, negatives NaN.
  const special = select(
    op("f32x4.eq", input, f32x4(0)),
    f32x4(-Infinity),
    select(op("f32x4.lt", input, f32x4(0)), f32x4(Number.NaN), input),
  );
  const usual = op("v128.and", op("f32x4.gt", input, f32x4(0)), op("f32x4.lt", input, f32x4(Infinity)));
  return f.let(select(usual, y, special));
}

/** log(1 + x): the rounding error of u = 1 + x is undone by the factor x / (u - 1). */
export function log1p(f: FunctionBuilder, x: Local<"v128">): Local<"v128"> {
  const u = f.let(add(x, f32x4(1)));
  const scaled = f.let(mul(log(f, u), div(x, sub(u, f32x4(1)))));
  const asItIs = op("v128.or", op("f32x4.eq", u, f32x4(1)), op("f32x4.eq", x, f32x4(Infinity)));
  return f.let(select(asItIs, x, scaled));
}

/** sigmoid(x) - 1/2 as x P(x^2) / Q(x^2) on |x| <= 18, highest power first: the minimax fit that float runtimes share. */
const SIGMOID_P = [4.37031012579801e-11, 1.15627324459942e-7, 6.08574864600143e-5, 8.51377133304701e-3, 2.48287947061529e-1];
const SIGMOID_Q = [
  6.10247389755681e-13, 5.76102136993427e-9, 6.2910678501704e-6, 1.70198817374094e-3, 1.16817656904453e-1, 9.9315192102318e-1,
];

/**
 * 1 / (1 + e^-x) within an absolute 2^-22, by the same steps as the common runtimes: a network quantized after
 * sigmoids lands on the same codes there. The error of small values is as large as that of large ones: near 2^-22 and
 * below no digit need be right.
 */
export function sigmoid(f: FunctionBuilder, x: Local<"v128">): Vector {
  const bounded = f.let(below(above(x, f32x4(-18)), f32x4(18)));
  const square = f.let(mul(bounded, bounded));
  const horner = (c: readonly number[]) => polynomial(square, c.toReversed());
  const y = add(div(mul(horner(SIGMOID_P), bounded), horner(SIGMOID_Q)), f32x4(0.5));
  return below(above(y, f32x4(0)), f32x4(1));
}

/** x / (1 + e^-x); the small factor of e^-|x| comes last, so that results underflow once. */
export function silu(f: FunctionBuilder, x: Local<"v128">): Vector {
  const [large, small] = expFactors(f, op("f32x4.neg", abs(x)));
  const negative = f.let(op("f32x4.lt", x, f32x4(0)));
  // Below -200 the result is 0, which the clamped exponent alone would miss; -Infinity times 0 is NaN.
  const bounded = select(op("f32x4.eq", x, f32x4(-Infinity)), f32x4(Number.NaN), above(x, f32x4(-200)));
  const share = div(select(negative, large, f32x4(1)), add(mul(large, small), f32x4(1)));
  return mul(mul(bounded, share), select(negative, small, f32x4(1)));
}

/** log(1 + e^-|x|). */
export const softTail = (f: FunctionBuilder, x: Local<"v128">): Local<"v128"> => log1p(f, exp(f, op("f32x4.neg", abs(x))));

/** Hyperbolic tangent: a polynomial near 0, from e^2|x| elsewhere. */
export function tanh(f: FunctionBuilder, x: Local<"v128">): Vector {
  const size = f.let(below(abs(x), f32x4(10)));
  const e = exp(f, add(size, size));
  const far = sub(f32x4(1), div(f32x4(2), add(e, f32x4(1))));
  const square = f.let(mul(size, size));
  const near = add(mul(mul(polynomial(square, TANH), square), size), size);
  const y = select(op("f32x4.lt", size, f32x4(0.625)), near, far);
  return op("v128.or", y, op("v128.and", x, i32x4(0x80000000)));
}
