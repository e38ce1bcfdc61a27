import { ArgumentError } from "../../errors.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank, requireShape } from "../require.ts";
import type { Meta, Tensor } from "../tensor.ts";
import { type Padding, type PaddingOption, type Pair, type PairOption, toPadding, toPair, windowCount } from "../window.ts";
import { mul } from "./binary.ts";

/** Fully normalised geometry; padding is [top, bottom, left, right]. */
export interface AvgPool2dAttrs {
  /** Height and width of a window, in elements. */
  readonly kernel: Pair;
  /** Elements from one window to the next, down and across. */
  readonly stride: Pair;
  readonly padding: Padding;
  /** Whether a last window may reach beyond the padding. */
  readonly ceilMode: boolean;
  /** Whether padded zeros count in the divisor. */
  readonly countIncludePad: boolean;
}

/**
 * `stride` defaults to the kernel; `countIncludePad` to true, as in PyTorch. A `divisorOverride` divides every window's sum
 * in place of its size.
 */
export interface AvgPool2dOptions {
  readonly kernel: PairOption;
  readonly stride?: PairOption | undefined;
  /** Zeros around x: one number, [vertical, horizontal] or [top, bottom, left, right]. Default 0. */
  readonly padding?: PaddingOption | undefined;
  /** Whether a last window may reach beyond the padding. Default false. */
  readonly ceilMode?: boolean | undefined;
  readonly countIncludePad?: boolean | undefined;
  readonly divisorOverride?: number | undefined;
}

function attrsOf({ kernel, stride = kernel, padding = 0, ceilMode = false, countIncludePad = true }: AvgPool2dOptions): AvgPool2dAttrs {
  return {
    kernel: toPair("avgPool2d", "kernel", kernel),
    stride: toPair("avgPool2d", "stride", stride),
    padding: toPadding("avgPool2d", padding),
    ceilMode,
    countIncludePad,
  };
}

/** The same windows, none cut short: what ceil mode adds becomes padding, and all padding counts. */
function wholeWindows(x: Meta, attrs: AvgPool2dAttrs): AvgPool2dAttrs {
  requireRank("avgPool2d", "x", x, 4);
  const { kernel, stride, padding } = attrs;
  const size: Pair = [x.shape[2], x.shape[3]];
  const count = outSize("avgPool2d", size, attrs);
  const after = (axis: 0 | 1): number =>
    Math.max(padding[2 * axis + 1], (count[axis] - 1) * stride[axis] + kernel[axis] - size[axis] - padding[2 * axis]);
  return { kernel, stride, padding: [padding[0], after(0), padding[2], after(1)], ceilMode: false, countIncludePad: true };
}

const DENSE: Pair = [1, 1];

const outSize = (op: string, size: Pair, attrs: AvgPool2dAttrs): number[] => windowCount(op, size, { ...attrs, dilation: DENSE });

/** Bounds of window o on one axis, clipped to the input, and its extent within the padded input. */
function reach(o: number, axis: 0 | 1, size: number, { kernel, stride, padding }: AvgPool2dAttrs): [number, number, number] {
  const start = o * stride[axis] - padding[2 * axis];
  const end = Math.min(start + kernel[axis], size + padding[2 * axis + 1]);
  return [Math.max(start, 0), Math.min(end, size), end - start];
}

/** Calls `visit(output, rows, columns, divisor)` for every window; rows count through all planes; divisor 0 means nothing to average. */
function eachWindow(
  x: readonly number[],
  y: readonly number[],
  attrs: AvgPool2dAttrs,
  visit: (iy: number, rows: readonly [number, number], columns: readonly [number, number], divisor: number) => void,
): void {
  const [n, c, h, w] = x;
  const [, , oh, ow] = y;
  for (let p = 0; p < n * c; p++) {
    for (let i = 0; i < oh; i++) {
      const [y0, y1, high] = reach(i, 0, h, attrs);
      for (let j = 0; j < ow; j++) {
        const [x0, x1, wide] = reach(j, 1, w, attrs);
        const divisor = attrs.countIncludePad ? high * wide : Math.max(0, y1 - y0) * Math.max(0, x1 - x0);
        visit((p * oh + i) * ow + j, [p * h + y0, p * h + y1], [x0, x1], divisor);
      }
    }
  }
}

function drawGeometry(draw: Draw): { x: number[]; attrs: AvgPool2dAttrs } {
  const kernel: Pair = [draw.int(1, 3), draw.int(1, 3)];
  const room = (k: number) => draw.int(0, Math.floor(k / 2));
  return {
    x: [draw.int(1, 2), draw.int(1, 2), draw.int(3, 5), draw.int(3, 5)],
    attrs: {
      kernel,
      stride: [draw.int(1, 2), draw.int(1, 2)],
      padding: [room(kernel[0]), room(kernel[0]), room(kernel[1]), room(kernel[1])],
      ceilMode: draw.bool(),
      countIncludePad: draw.bool(),
    },
  };
}

/**
 * Mean over windows of x [N, C, H, W], accumulated in double; 0 for a window of padding only. Errors: DTypeError for
 * integers, ShapeError where x is not of rank 4 or no window fits, ArgumentError for a divisor of 0.
 */
export const avgPool2d: Op<AvgPool2dAttrs, (x: Tensor, options: AvgPool2dOptions) => Tensor> = defineOp(
  {
    name: "avgPool2d",
    infer([x], attrs): Meta[] {
      requireFloat("avgPool2d", "x", x);
      requireRank("avgPool2d", "x", x, 4);
      const [n, c, h, w] = x.shape;
      return [{ shape: [n, c, ...outSize("avgPool2d", [h, w], attrs)], dtype: x.dtype }];
    },
    reference([x], attrs, [y]) {
      const w = x.shape[3];
      eachWindow(x.shape, y.shape, attrs, (iy, rows, columns, divisor) => {
        let sum = 0;
        for (let r = rows[0]; r < rows[1]; r++) for (let s = columns[0]; s < columns[1]; s++) sum += x.data[r * w + s];
        y.data[iy] = divisor === 0 ? 0 : sum / divisor;
      });
    },
    vjp: ([g], { inputs: [x], attrs }) => [g && avgPool2dInputGrad(g, { ...attrs, inputSize: [x.shape[2], x.shape[3]] })],
    sample(draw) {
      const { x, attrs } = drawGeometry(draw);
      return { inputs: [drawTensor(draw, x)], attrs };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [1, 1, 2, 2])], attrs: attrsOf({ kernel: 3 }) }),
  },
  (run) => (x: Tensor, options: AvgPool2dOptions) => {
    const { divisorOverride: divisor } = options;
    const attrs = attrsOf(options);
    if (divisor === undefined) return run([x], attrs)[0];
    if (!(Math.abs(divisor) > 0)) throw new ArgumentError("avgPool2d", `divisorOverride must be a number other than 0, got ${divisor}`);
    return mul(run([x], wholeWindows(x, attrs))[0], (attrs.kernel[0] * attrs.kernel[1]) / divisor);
  },
);

export interface AvgPool2dInputGradAttrs extends AvgPool2dAttrs {
  /** [H, W] of the pooled input. */
  readonly inputSize: Pair;
}

/**
 * Gradient of avgPool2d for its input: g [N, C, oh, ow] -> [N, C, H, W]. Errors: DTypeError for integers, ShapeError
 * where g does not have the shape `avgPool2d` gives.
 */
export const avgPool2dInputGrad: Op<AvgPool2dInputGradAttrs, (g: Tensor, attrs: AvgPool2dInputGradAttrs) => Tensor> = defineOp(
  {
    name: "avgPool2dInputGrad",
    infer([g], attrs): Meta[] {
      requireFloat("avgPool2dInputGrad", "g", g);
      requireRank("avgPool2dInputGrad", "g", g, 4);
      const [n, c] = g.shape;
      requireShape("avgPool2dInputGrad", "g", g, [n, c, ...outSize("avgPool2dInputGrad", attrs.inputSize, attrs)]);
      return [{ shape: [n, c, ...attrs.inputSize], dtype: g.dtype }];
    },
    reference([g], attrs, [y]) {
      const w = y.shape[3];
      const sums = new Float64Array(y.size);
      eachWindow(y.shape, g.shape, attrs, (iy, rows, columns, divisor) => {
        const share = g.data[iy] / divisor;
        for (let r = rows[0]; r < rows[1]; r++) for (let s = columns[0]; s < columns[1]; s++) sums[r * w + s] += share;
      });
      y.data.set(sums);
    },
    vjp: ([u], { attrs: { inputSize: _, ...attrs } }) => [u && avgPool2d(u, attrs)],
    sample(draw) {
      const { x, attrs } = drawGeometry(draw);
      const inputSize: Pair = [x[2], x[3]];
      return {
        inputs: [drawTensor(draw, [x[0], x[1], ...outSize("avgPool2dInputGrad", inputSize, attrs)])],
        attrs: { ...attrs, inputSize },
      };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [1, 1, 2, 2])], attrs: { ...attrsOf({ kernel: 2 }), inputSize: [8, 8] as const } }),
  },
  (run) => (g: Tensor, attrs: AvgPool2dInputGradAttrs) => run([g], attrs)[0],
);
