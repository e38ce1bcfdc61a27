import { ArgumentError, ShapeError } from "../../errors.ts";
import { type Draw, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { formatShape, normalizeAxis, splitAt } from "../shape.ts";
import type { Meta, Tensor } from "../tensor.ts";

/** 0 <= start <= end <= length of `dim`; step >= 1. */
export interface SliceAttrs {
  readonly dim: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

interface SliceOptions {
  readonly dim: number;
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly step?: number | undefined;
}

const countOf = ({ start, end, step }: SliceAttrs): number => Math.max(0, Math.ceil((end - start) / step));

function requireBound(name: string, value: number): void {
  if (Number.isInteger(value) || Math.abs(value) === Infinity) return;
  throw new ArgumentError("slice", `${name} must be an integer or infinite, got ${value}`);
}

/** Python's rules: negative bounds count from the end, bounds outside are clipped. */
function resolve(x: Meta, { dim, start = 0, end = Infinity, step = 1 }: SliceOptions): SliceAttrs {
  const axis = normalizeAxis("slice", dim, x.shape.length);
  const length = x.shape[axis];
  if (!Number.isInteger(step) || step < 1) throw new ArgumentError("slice", `step must be an integer >= 1, got ${step}`);
  requireBound("start", start);
  requireBound("end", end);
  const bound = (v: number) => Math.min(Math.max(v < 0 ? v + length : v, 0), length);
  return { dim: axis, start: bound(start), end: Math.max(bound(start), bound(end)), step };
}

function drawSlice(draw: Draw): { shape: number[]; attrs: SliceAttrs } {
  const shape = drawShape(draw, 1, 3);
  const dim = draw.int(0, shape.length - 1);
  const start = draw.int(0, shape[dim]);
  return { shape, attrs: { dim, start, end: draw.int(start, shape[dim]), step: draw.int(1, 3) } };
}

/**
 * Elements start, start + step, ... below end along one axis; bounds follow Python, or are infinite. Any dtype.
 * Errors: ArgumentError for a bound or step that is no integer. Shape: [..., n, ...] → [..., k, ...], k the number of
 * elements taken.
 */
export const slice: Op<SliceAttrs, (x: Tensor, options: SliceOptions) => Tensor> = defineOp(
  {
    name: "slice",
    infer([x], attrs) {
      if (attrs.dim >= x.shape.length || attrs.start < 0 || attrs.end > x.shape[attrs.dim]) {
        throw new ShapeError(
          "slice",
          `bounds must lie in [0, ${x.shape[attrs.dim] ?? 0}], got ${attrs.start} and ${attrs.end} (axis ${attrs.dim} of x ${formatShape(x.shape)})`,
        );
      }
      return [{ shape: x.shape.map((d, i) => (i === attrs.dim ? countOf(attrs) : d)), dtype: x.dtype }];
    },
    reference([x], { dim, start, step }, [y]) {
      const [outer, length, inner] = splitAt(x.shape, dim);
      const count = y.shape[dim];
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < count; k++) {
          const from = (o * length + start + k * step) * inner;
          const to = (o * count + k) * inner;
          for (let i = 0; i < inner; i++) y.data[to + i] = x.data[from + i];
        }
      }
    },
    vjp: ([g], { inputs: [x], attrs }) => [g && sliceInputGrad(g, { ...attrs, length: x.shape[attrs.dim] })],
    sample(draw) {
      const { shape, attrs } = drawSlice(draw);
      return { inputs: [drawTensor(draw, shape)], attrs };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2])], attrs: { dim: 0, start: 0, end: 3, step: 1 } }),
  },
  (run) => (x: Tensor, options: SliceOptions) => run([x], resolve(x, options))[0],
);

interface SliceInputGradAttrs extends SliceAttrs {
  /** Length of the sliced axis before slicing. */
  readonly length: number;
}

/**
 * Puts g back where `slice` took it from, zeros elsewhere: the adjoint of `slice`. Shape: [..., k, ...] → [..., n,
 * ...]. Errors: ShapeError where axis `dim` of g does not have length k.
 */
export const sliceInputGrad: Op<SliceInputGradAttrs, (g: Tensor, attrs: SliceInputGradAttrs) => Tensor> = defineOp(
  {
    name: "sliceInputGrad",
    infer([g], attrs) {
      if (g.shape[attrs.dim] !== countOf(attrs)) {
        throw new ShapeError("sliceInputGrad", `axis ${attrs.dim} of g must have length ${countOf(attrs)}, got ${formatShape(g.shape)}`);
      }
      return [{ shape: g.shape.map((d, i) => (i === attrs.dim ? attrs.length : d)), dtype: g.dtype }];
    },
    reference([g], { dim, start, step }, [y]) {
      const [outer, length, inner] = splitAt(y.shape, dim);
      const count = g.shape[dim];
      y.data.fill(0);
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < count; k++) {
          const from = (o * count + k) * inner;
          const to = (o * length + start + k * step) * inner;
          for (let i = 0; i < inner; i++) y.data[to + i] = g.data[from + i];
        }
      }
    },
    vjp: ([u], { attrs: { dim, start, end, step } }) => [u && slice(u, { dim, start, end, step })],
    sample(draw) {
      const { shape, attrs } = drawSlice(draw);
      const cut = shape.map((d, i) => (i === attrs.dim ? countOf(attrs) : d));
      return { inputs: [drawTensor(draw, cut)], attrs: { ...attrs, length: shape[attrs.dim] } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2])], attrs: { dim: 0, start: 0, end: 3, step: 1, length: 4 } }),
  },
  (run) => (g: Tensor, attrs: SliceInputGradAttrs) => run([g], attrs)[0],
);
