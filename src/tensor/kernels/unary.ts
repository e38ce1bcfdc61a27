import { type Expr, FunctionBuilder, f32x4, i32, instantiate, type Local, load, op } from "../../wasm/index.ts";
import type { Meta } from "../tensor.ts";
import type { Bound, FastKernel } from "./index.ts";
import { allFloat, countOf } from "./placement.ts";
import { abs, add, div, exp, log, log1p, max, min, mul, select, sigmoid, silu, softTail, sub, tanh } from "./vectorMath.ts";

type Vector = Expr<"v128">;

/** What one kernel computes of a vector; `dear` formulas are not unrolled. */
export interface Formula {
  readonly dear?: boolean;
  apply(f: FunctionBuilder, x: Local<"v128">, p: readonly Vector[]): Vector;
}

/** map(x, y, count, p0, p1, p2, p3): y = formula(x), in whole vectors; x and y may be the same block. */
export function emitMap(formula: Formula): FunctionBuilder {
  const f = new FunctionBuilder("map", ["i32", "i32", "i32", "f32", "f32", "f32", "f32"]);
  const [x, y, count] = f.pointers as [Local<"i32">, Local<"i32">, Local<"i32">];
  const parameters = f.params.slice(3).map((p) => f.let(op("f32x4.splat", p as Local<"f32">)));
  const value = f.local("v128");
  const left = f.let(count);
  const vectors = (n: number) => {
    for (let i = 0; i < n; i++) {
      f.set(value, load("v128.load", x, 16 * i));
      f.store("v128.store", y, formula.apply(f, value, parameters), 16 * i);
    }
    f.bump(x, 16 * n);
    f.bump(y, 16 * n);
    f.set(left, op("i32.sub", left, i32(4 * n)));
  };
  if (!formula.dear) f.while(op("i32.gt_s", left, i32(12)), () => vectors(4));
  f.while(op("i32.gt_s", left, i32(0)), () => vectors(1));
  return f;
}

interface Row extends Formula {
  readonly bound: Bound;
  /** The numbers of the attributes, or undefined where the formula does not hold for them. */
  parameters?(attrs: unknown): readonly number[] | undefined;
}

/** Weight of a formula that is not unrolled. */
const DEAR = 5;

/** One row of the table as a kernel. */
function kernelOf(name: string, row: Row): FastKernel {
  return {
    place({ arena, inputs, outputs: [y], attrs }) {
      const [x] = inputs;
      const parameters = row.parameters ? row.parameters(attrs) : [];
      const count = countOf(y);
      if (!allFloat([x, y]) || !parameters || count === 0) return undefined;
      const { map } = instantiate(name, () => [emitMap(row)], arena);
      const [p0 = 0, p1 = 0, p2 = 0, p3 = 0] = parameters;
      const [from, to] = [x.address, y.address];
      return () => map(from, to, count, p0, p1, p2, p3);
    },
    elementwise: () => true,
    formula([x], attrs) {
      const parameters = row.parameters ? row.parameters(attrs) : [];
      if (x.dtype !== "f32" || !parameters) return undefined;
      return { name, weight: row.dear ? DEAR : 1, parameters, apply: (f, [value], p) => row.apply(f, value!, p) };
    },
    bound: (_: readonly Meta[]) => row.bound,
  };
}

const zero = f32x4(0);
const one = f32x4(1);
const six = f32x4(6);
const three = f32x4(3);

const clampTo = (x: Vector, low: Vector, high: Vector): Vector => min(max(x, low), high);

/** The bounds hold from subnormals to infinities; the tests sweep the bit patterns of f32. */
const rows: Readonly<Record<string, Row>> = {
  abs: { bound: "exact", apply: (_, x) => abs(x) },
  neg: { bound: "exact", apply: (_, x) => op("f32x4.neg", x) },
  sqrt: { bound: "exact", dear: true, apply: (_, x) => op("f32x4.sqrt", x) },
  square: { bound: "exact", apply: (_, x) => mul(x, x) },
  reciprocal: { bound: "exact", dear: true, apply: (_, x) => div(one, x) },
  relu: { bound: "exact", apply: (_, x) => max(x, zero) },
  relu6: { bound: "exact", apply: (_, x) => clampTo(x, zero, six) },
  clamp: {
    bound: "exact",
    parameters: (attrs) => [(attrs as { min: number }).min, (attrs as { max: number }).max],
    apply: (_, x, [low, high]) => clampTo(x, low!, high!),
  },
  leakyRelu: {
    bound: { ulps: 2 },
    parameters: (attrs) => [(attrs as { slope: number }).slope],
    apply: (_, x, [slope]) => select(op("f32x4.gt", x, zero), x, mul(x, slope!)),
  },
  hardsigmoid: { bound: { ulps: 2 }, dear: true, apply: (_, x) => div(clampTo(add(x, three), zero, six), six) },
  hardswish: { bound: { ulps: 3 }, dear: true, apply: (_, x) => mul(x, div(clampTo(add(x, three), zero, six), six)) },
  // Adding zero turns -0 into 0, as the reference has it.
  round: { bound: "exact", apply: (_, x) => add(op("f32x4.nearest", x), zero) },
  roundSte: { bound: "exact", apply: (_, x) => add(op("f32x4.nearest", x), zero) },
  exp: { bound: { ulps: 2 }, dear: true, apply: (f, x) => exp(f, x) },
  log: { bound: { ulps: 2 }, dear: true, apply: (f, x) => log(f, x) },
  log1p: { bound: { ulps: 3 }, dear: true, apply: (f, x) => log1p(f, x) },
  sigmoid: { bound: { absolute: 2 ** -22 }, dear: true, apply: (f, x) => sigmoid(f, x) },
  silu: { bound: { ulps: 4 }, dear: true, apply: (f, x) => silu(f, x) },
  tanh: { bound: { ulps: 2 }, dear: true, apply: (f, x) => tanh(f, x) },
  logSigmoid: { bound: { ulps: 4 }, dear: true, apply: (f, x) => sub(min(x, zero), softTail(f, x)) },
  softplus: {
    bound: { ulps: 4 },
    dear: true,
    parameters(attrs) {
      const { beta, threshold } = attrs as { beta: number; threshold: number };
      return beta === 1 && Math.fround(threshold) === threshold ? [threshold] : undefined;
    },
    apply: (f, x, [threshold]) => select(op("f32x4.gt", x, threshold!), x, add(max(x, zero), softTail(f, x))),
  },
};

/** Kernels of all unary ops of the table, by op name. */
export const unaryKernels: Readonly<Record<string, FastKernel>> = Object.fromEntries(
  Object.entries(rows).map(([name, row]) => [name, kernelOf(name, row)]),
);
