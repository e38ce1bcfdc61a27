import { type Draw, drawDistinct, drawTensor } from "../draw.ts";
import { type Call, defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank } from "../require.ts";
import type { Meta, Tensor } from "../tensor.ts";
import { zeros } from "../tensor.ts";
import { type Padding, type PaddingOption, type Pair, type PairOption, toPadding, toPair, windowCount } from "../window.ts";
import { maximum } from "./binary.ts";
import { less } from "./compare.ts";
import { scatterAdd } from "./gather.ts";
import { reshape } from "./reshape.ts";
import { where } from "./where.ts";

/** Fully normalised geometry; padding is [top, bottom, left, right]. */
export interface MaxPool2dAttrs {
  /** Height and width of a window, in elements. */
  readonly kernel: Pair;
  /** Elements from one window to the next, down and across. */
  readonly stride: Pair;
  readonly padding: Padding;
  /** Elements from one tap of a window to the next, down and across. */
  readonly dilation: Pair;
  /** Whether a last window may reach beyond the padding. */
  readonly ceilMode: boolean;
}

/** `stride` defaults to the kernel. */
export interface MaxPool2dOptions {
  readonly kernel: PairOption;
  readonly stride?: PairOption | undefined;
  /** Padding around x: one number, [vertical, horizontal] or [top, bottom, left, right]. Default 0. */
  readonly padding?: PaddingOption | undefined;
  /** Elements from one tap of a window to the next. Default 1. */
  readonly dilation?: PairOption | undefined;
  /** Whether a last window may reach beyond the padding. Default false. */
  readonly ceilMode?: boolean | undefined;
}

function attrsOf(op: string, { kernel, stride = kernel, padding = 0, dilation = 1, ceilMode = false }: MaxPool2dOptions): MaxPool2dAttrs {
  return {
    kernel: toPair(op, "kernel", kernel),
    stride: toPair(op, "stride", stride),
    padding: toPadding(op, padding),
    dilation: toPair(op, "dilation", dilation),
    ceilMode,
  };
}

function outShape(op: string, x: Meta, attrs: MaxPool2dAttrs): number[] {
  requireFloat(op, "x", x);
  requireRank(op, "x", x, 4);
  const [n, c, h, w] = x.shape;
  return [n, c, ...windowCount(op, [h, w], attrs)];
}

/** Window steps [first, past) that lie inside an axis of length `size`. */
function inside(start: number, dilation: number, kernel: number, size: number): [number, number] {
  return [Math.max(0, Math.ceil(-start / dilation)), Math.min(kernel, Math.ceil((size - start) / dilation))];
}

/**
 * Every window's maximum, and the offset h · W + w of the first element equal to it, or of the last NaN; -Infinity and -1
 * for a window of padding only. 0 counts as larger than -0 in the maximum and as equal to it in the offset.
 */
function firstMaxima(
  x: Tensor,
  { kernel, stride, padding, dilation }: MaxPool2dAttrs,
  shape: readonly number[],
): { maxima: Float64Array; found: Int32Array } {
  const [n, c, oh, ow] = shape;
  const [h, w] = x.shape.slice(2);
  const found = new Int32Array(n * c * oh * ow).fill(-1);
  const maxima = new Float64Array(found.length);
  for (let i = 0; i < found.length; i++) {
    const plane = Math.floor(i / (oh * ow)) * h * w;
    const top = (Math.floor(i / ow) % oh) * stride[0] - padding[0];
    const left = (i % ow) * stride[1] - padding[2];
    const [r0, r1] = inside(top, dilation[0], kernel[0], h);
    const [s0, s1] = inside(left, dilation[1], kernel[1], w);
    let best = -Infinity;
    for (let r = r0; r < r1; r++) {
      for (let s = s0; s < s1; s++) {
        const at = (top + r * dilation[0]) * w + left + s * dilation[1];
        const v = x.data[plane + at];
        if (v > best || Number.isNaN(v) || found[i] < 0) found[i] = at;
        best = Math.max(best, v);
      }
    }
    maxima[i] = best;
  }
  return { maxima, found };
}

/** Whether some window of a pooling from `size` to `count` positions along one axis holds padding only. */
function missesAxis({ kernel, stride, padding, dilation }: MaxPool2dAttrs, axis: 0 | 1, size: number, count: number): boolean {
  return Array.from({ length: count }, (_, i) => {
    const [first, past] = inside(i * stride[axis] - padding[2 * axis], dilation[axis], kernel[axis], size);
    return first >= past;
  }).includes(true);
}

/** Indices with those of padding moved to 0, and the cotangent with zeros in their place. */
const insideOnly = (indices: Tensor, g: Tensor): { at: Tensor; u: Tensor } => ({
  at: maximum(indices, 0),
  u: where(less(indices, 0), 0, g),
});

function drawPool(draw: Draw): Call<MaxPool2dAttrs> {
  const kernel: Pair = [draw.int(1, 3), draw.int(1, 3)];
  const room = (k: number) => draw.int(0, Math.floor(k / 2));
  const padding: Padding = [room(kernel[0]), room(kernel[0]), room(kernel[1]), room(kernel[1])];
  const x = drawDistinct(draw, [draw.int(1, 2), draw.int(1, 2), draw.int(3, 5), draw.int(3, 5)]);
  const attrs = { kernel, stride: [draw.int(1, 2), draw.int(1, 2)] as const, padding, dilation: [1, 1] as const, ceilMode: draw.bool() };
  return { inputs: [x], attrs };
}

const tooSmall = (draw: Draw): Call<MaxPool2dAttrs> => ({
  inputs: [drawTensor(draw, [1, 1, 2, 2])],
  attrs: attrsOf("maxPool2d", { kernel: 3 }),
});

/**
 * Maximum over windows of x [N, C, H, W]; padding counts as -Infinity, and 0 as larger than -0. The gradient goes to
 * the first maximum of a window, and nowhere from a window of padding only. Errors: DTypeError for integers, ShapeError
 * where x is not of rank 4 or no window fits.
 */
export const maxPool2d: Op<MaxPool2dAttrs, (x: Tensor, options: MaxPool2dOptions) => Tensor> = defineOp(
  {
    name: "maxPool2d",
    infer: ([x], attrs) => [{ shape: outShape("maxPool2d", x, attrs), dtype: x.dtype }],
    reference([x], attrs, [y]) {
      y.data.set(firstMaxima(x, attrs, y.shape).maxima);
    },
    vjp([g], { inputs: [x], attrs }) {
      if (!g || x.size === 0) return [undefined];
      const [n, c, h, w] = x.shape;
      const indices = maxPool2dIndices(x, attrs);
      const padded = missesAxis(attrs, 0, h, g.shape[2]) || missesAxis(attrs, 1, w, g.shape[3]);
      const { at, u } = padded ? insideOnly(indices, g) : { at: indices, u: g };
      const rows = reshape(at, { shape: [n, c, g.shape[2] * g.shape[3]] });
      const spread = scatterAdd(zeros([n, c, h * w], g.dtype), rows, reshape(u, { shape: rows.shape }), { dim: 2 });
      return [reshape(spread, { shape: x.shape })];
    },
    smooth: false,
    sample: drawPool,
    misuse: tooSmall,
  },
  (run) => (x: Tensor, options: MaxPool2dOptions) => run([x], attrsOf("maxPool2d", options))[0],
);

/**
 * Where `maxPool2d` finds each maximum: i32 offsets h · W + w into the plane of x, -1 for a window of padding only.
 * Shape: [N, C, H, W] → [N, C, oh, ow]. Errors: as `maxPool2d`.
 */
export const maxPool2dIndices: Op<MaxPool2dAttrs, (x: Tensor, options: MaxPool2dOptions) => Tensor> = defineOp(
  {
    name: "maxPool2dIndices",
    infer: ([x], attrs) => [{ shape: outShape("maxPool2dIndices", x, attrs), dtype: "i32" }],
    reference([x], attrs, [y]) {
      y.data.set(firstMaxima(x, attrs, y.shape).found);
    },
    vjp: "none",
    sample: drawPool,
    misuse: tooSmall,
  },
  (run) => (x: Tensor, options: MaxPool2dOptions) => run([x], attrsOf("maxPool2dIndices", options))[0],
);
