import { ShapeError } from "../../errors.ts";
import { type Draw, drawAway, drawDistinct, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op, type OpDef } from "../op.ts";
import { requireFloat } from "../require.ts";
import { formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { type Meta, type Tensor, tensor } from "../tensor.ts";
import { reducedOffsets, reducedShape } from "../walk.ts";
import { div, mul, sub } from "./binary.ts";
import { cast } from "./cast.ts";
import { equal } from "./compare.ts";
import { expand } from "./expand.ts";
import { reshape } from "./reshape.ts";
import { exp, sign } from "./unary.ts";

/** Axes to reduce, each in [0, rank), and whether they stay as size 1. */
export interface ReduceAttrs {
  /** The axes that are reduced, ascending and >= 0. */
  readonly dim: readonly number[];
  /** Whether they stay, with size 1. */
  readonly keepdim: boolean;
}

/** `dim` may be negative; without it every axis is reduced. */
export interface ReduceOptions {
  readonly dim?: number | readonly number[] | undefined;
  /** Whether reduced axes stay, with size 1. Default false. */
  readonly keepdim?: boolean | undefined;
}

type Reduction = Op<ReduceAttrs, (x: Tensor, options?: ReduceOptions) => Tensor>;

/** The normalised attributes of a reduction over `x`. */
export function reduceAttrs(op: string, x: Meta, { dim, keepdim = false }: ReduceOptions): ReduceAttrs {
  const all = dim === undefined ? x.shape.map((_, i) => i) : typeof dim === "number" ? [dim] : dim;
  const axes = all.map((d) => normalizeAxis(op, d, x.shape.length)).sort((a, b) => a - b);
  return { dim: axes.filter((d, i) => d !== axes[i - 1]), keepdim };
}

/** How many elements of x each output of a reduction takes in. */
export const countOf = (x: Meta, { dim }: ReduceAttrs): number => dim.reduce((n, d) => n * x.shape[d], 1);

/** Repeats a reduced tensor over the axes it lost. */
function spread(y: Tensor, x: Tensor, { dim }: ReduceAttrs): Tensor {
  return expand(reshape(y, { shape: reducedShape(x.shape, dim, true) }), { shape: x.shape });
}

interface Row {
  readonly name: string;
  /** Accumulates in double: start, step over the elements in row-major order, finish with the element count. */
  readonly reduce: { readonly start: number; step(sum: number, x: number): number; finish?(sum: number, count: number): number };
  readonly backward: (g: Tensor, x: Tensor, y: Tensor, attrs: ReduceAttrs) => Tensor;
  readonly draw?: (draw: Draw, shape: number[]) => Tensor;
  readonly smooth?: boolean;
  /** Whether a reduction over no elements has a value. */
  readonly emptyAllowed: boolean;
}

/** Output of a reduction: float, and never empty along a reduced axis where that has no value. */
function inferReduce(name: string, emptyAllowed: boolean, x: Meta, { dim, keepdim }: ReduceAttrs): Meta[] {
  requireFloat(name, "x", x);
  const shape = reducedShape(x.shape, dim, keepdim);
  if (!emptyAllowed && sizeOf(x.shape) === 0 && sizeOf(shape) > 0) {
    throw new ShapeError(name, `the reduced axes must not be empty, got ${formatShape(x.shape)}`);
  }
  return [{ shape, dtype: x.dtype }];
}

function drawReduce(draw: Draw, value: (draw: Draw, shape: number[]) => Tensor): { inputs: Tensor[]; attrs: ReduceAttrs } {
  const shape = drawShape(draw, 1, 4, 3);
  return { inputs: [value(draw, shape)], attrs: { dim: shape.map((_, i) => i).filter(() => draw.bool()), keepdim: draw.bool() } };
}

function reduction({ name, reduce, backward, draw: value = drawTensor, smooth = true, emptyAllowed }: Row): Reduction {
  const def: OpDef<ReduceAttrs> = {
    name,
    infer: ([x], attrs) => inferReduce(name, emptyAllowed, x, attrs),
    reference([x], attrs, [y]) {
      const into = reducedOffsets(x.shape, attrs.dim);
      const sums = new Float64Array(y.size).fill(reduce.start);
      for (let i = 0; i < x.size; i++) sums[into[i]] = reduce.step(sums[into[i]], x.data[i]);
      const count = countOf(x, attrs);
      for (let i = 0; i < y.size; i++) y.data[i] = reduce.finish ? reduce.finish(sums[i], count) : sums[i];
    },
    vjp: ([g], { inputs: [x], outputs: [y], attrs }) => [g && backward(g, x, y, attrs)],
    smooth,
    sample: (draw) => drawReduce(draw, value),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { dim: [0], keepdim: false } }),
  };
  return defineOp<ReduceAttrs, (x: Tensor, options?: ReduceOptions) => Tensor>(
    def,
    (run) =>
      (x, options = {}) =>
        run([x], reduceAttrs(name, x, options))[0],
  );
}

/**
 * Sum over `dim`, accumulated in double; 0 over no elements. Shape: x without the axes `dim`, scalar by default.
 * Errors: DTypeError for integers, ShapeError for axes x does not have.
 */
export const sum: Reduction = reduction({
  name: "sum",
  reduce: { start: 0, step: (s, x) => s + x },
  backward: (g, x, _, attrs) => spread(g, x, attrs),
  emptyAllowed: true,
});
/**
 * Mean over `dim`, accumulated in double; NaN over no elements. Shape: x without the axes `dim`, scalar by default.
 * Errors: DTypeError for integers, ShapeError for axes x does not have.
 */
export const mean: Reduction = reduction({
  name: "mean",
  reduce: { start: 0, step: (s, x) => s + x, finish: (s, n) => s / n },
  backward: (g, x, _, attrs) => spread(div(g, countOf(x, attrs)), x, attrs),
  emptyAllowed: true,
});
/**
 * Sum of magnitudes over `dim`, accumulated in double; 0 over no elements. Shape: x without the axes `dim`, scalar by
 * default. Errors: DTypeError for integers, ShapeError for axes x does not have.
 */
export const l1Norm: Reduction = reduction({
  name: "l1Norm",
  reduce: { start: 0, step: (s, x) => s + Math.abs(x) },
  backward: (g, x, _, attrs) => mul(spread(g, x, attrs), sign(x)),
  draw: (draw, shape) => drawAway(draw, shape, [0]),
  smooth: false,
  emptyAllowed: true,
});

/** Elements equal to the extreme share its cotangent evenly. */
function sharedExtreme(g: Tensor, x: Tensor, y: Tensor, attrs: ReduceAttrs): Tensor {
  const hits = cast(equal(x, spread(y, x, attrs)), x.dtype);
  const share = div(g, sum(hits, attrs));
  return mul(hits, spread(share, x, attrs));
}

/**
 * Largest value over `dim`; ties share the gradient evenly. Errors: ShapeError over no elements. Shape: x without the
 * axes `dim`, scalar by default.
 */
export const amax: Reduction = reduction({
  name: "amax",
  reduce: { start: -Infinity, step: Math.max },
  backward: sharedExtreme,
  draw: drawDistinct,
  smooth: false,
  emptyAllowed: false,
});
/**
 * Smallest value over `dim`; ties share the gradient evenly. Errors: ShapeError over no elements. Shape: x without the
 * axes `dim`, scalar by default.
 */
export const amin: Reduction = reduction({
  name: "amin",
  reduce: { start: Infinity, step: Math.min },
  backward: sharedExtreme,
  draw: drawDistinct,
  smooth: false,
  emptyAllowed: false,
});

/**
 * log Σ eˣ over `dim`, shifted by the maximum so that nothing overflows. Shape: x without the axes `dim`, scalar by
 * default. Errors: DTypeError for integers, ShapeError for axes x does not have.
 */
export const logSumExp: Reduction = defineOp<ReduceAttrs, (x: Tensor, options?: ReduceOptions) => Tensor>(
  {
    name: "logSumExp",
    infer: ([x], attrs) => inferReduce("logSumExp", false, x, attrs),
    reference([x], { dim }, [y]) {
      const into = reducedOffsets(x.shape, dim);
      const top = new Float64Array(y.size).fill(-Infinity);
      for (let i = 0; i < x.size; i++) top[into[i]] = Math.max(top[into[i]], x.data[i]);
      const shift = top.map((t) => (Math.abs(t) === Infinity ? 0 : t));
      const sums = new Float64Array(y.size);
      for (let i = 0; i < x.size; i++) sums[into[i]] += Math.exp(x.data[i] - shift[into[i]]);
      for (let i = 0; i < y.size; i++) y.data[i] = shift[i] + Math.log(sums[i]);
    },
    vjp: ([g], { inputs: [x], outputs: [y], attrs }) => [g && mul(spread(g, x, attrs), exp(sub(x, spread(y, x, attrs))))],
    sample: (draw) => drawReduce(draw, drawTensor),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { dim: [0], keepdim: false } }),
  },
  (run) =>
    (x, options = {}) =>
      run([x], reduceAttrs("logSumExp", x, options))[0],
);

/**
 * Sums broadcast axes away so that a cotangent takes its operand's shape back. Shape: any that `shape` broadcasts to →
 * `shape`. Errors: DTypeError for integers.
 */
export function sumTo(g: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.shape.length - shape.length;
  const dim = g.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1));
  const summed = sum(g, { dim, keepdim: true });
  return lead === 0 ? summed : reshape(summed, { shape });
}
