import { type Expr, type FunctionBuilder, f64x2, i32, type Local, op } from "../../wasm/index.ts";

type Vector = Expr<"v128">;

export const add = (a: Vector, b: Vector): Vector => op("f64x2.add", a, b);
export const sub = (a: Vector, b: Vector): Vector => op("f64x2.sub", a, b);
export const mul = (a: Vector, b: Vector): Vector => op("f64x2.mul", a, b);
export const div = (a: Vector, b: Vector): Vector => op("f64x2.div", a, b);
/** The larger and the smaller number, a NaN in `a` kept. */
export const above = (a: Vector, low: Vector): Vector => op("f64x2.pmax", a, low);
export const below = (a: Vector, high: Vector): Vector => op("f64x2.pmin", a, high);

/**
 * 2^f = (Q(f^2) + f P(f^2)) / (Q(f^2) - f P(f^2)) on |f| <= 1/2, highest power first and that of Q, f^4, left out: the fit of
 * the Cephes library.
 */
const P = [2.3093347705734523e-2, 20.20206566931653, 1513.906801156151];
const Q = [233.1842117223149, 4368.211668792106];

/** Below this 2^y is 0. */
const LOWEST = -1023;
/** Above this 2^y stays as it is here: the numerator has room for no more. */
const HIGHEST = 1000;

/** A float of size below 2^51 that is added to 1.5 * 2^52 is rounded to an integer; 1023 more make it a biased exponent. */
const MAGIC = 1.5 * 2 ** 52 + 1023;

/** The constants of `exp2Quotient`, kept in locals: built anew they would cost more than a load. */
export interface Exp2Constants {
  readonly lowest: Vector;
  readonly highest: Vector;
  readonly magic: Vector;
  readonly p: readonly Vector[];
  readonly q: readonly Vector[];
}

/** Sets up the constants, ahead of a loop. */
export function exp2Constants(f: FunctionBuilder): Exp2Constants {
  const hold = (value: number): Vector => f.let(f64x2(value));
  return { lowest: hold(LOWEST), highest: hold(HIGHEST), magic: hold(MAGIC), p: P.map(hold), q: Q.map(hold) };
}

/** Values made one after another for several vectors, so that the steps of one fill the waits of the others. */
export const lockstep = (f: FunctionBuilder, count: number, make: (i: number) => Vector): Local<"v128">[] =>
  Array.from({ length: count }, (_, i) => f.let(make(i)));

/**
 * 2^y as a quotient, so that a sigmoid of y costs a single division. The quotient, rounded once, lies within 3 ulp of
 * 2^y; it is 0 below -1022.5 and stays 2^1000 above 1000. A NaN stays one.
 */
export function exp2Quotient(f: FunctionBuilder, ys: readonly Vector[], c: Exp2Constants): readonly [top: Vector, bottom: Vector][] {
  const each = (make: (i: number) => Vector) => lockstep(f, ys.length, make);
  const bounded = each((i) => below(above(ys[i], c.lowest), c.highest));
  const shifted = each((i) => add(bounded[i], c.magic));
  const rest = each((i) => sub(bounded[i], sub(shifted[i], c.magic)));
  const square = each((i) => mul(rest[i], rest[i]));
  const odd = each((i) => mul(add(mul(add(mul(c.p[0], square[i]), c.p[1]), square[i]), c.p[2]), rest[i]));
  const even = each((i) => add(mul(add(square[i], c.q[0]), square[i]), c.q[1]));
  const top = each((i) => mul(add(even[i], odd[i]), op("i64x2.shl", shifted[i], i32(52))));
  const bottom = each((i) => sub(even[i], odd[i]));
  return ys.map((_, i) => [top[i], bottom[i]]);
}
