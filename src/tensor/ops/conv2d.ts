import { ShapeError } from "../../errors.ts";
import { correlate, spreadInput, spreadWeight } from "../correlate.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank, requireSameDtype, requireShape } from "../require.ts";
import { formatShape } from "../shape.ts";
import type { Meta, Tensor } from "../tensor.ts";
import { type Padding, type PaddingOption, type Pair, type PairOption, toPadding, toPair, windowCount } from "../window.ts";
import { sum } from "./reduce.ts";

/** Fully normalised geometry of a convolution; padding is [top, bottom, left, right]. */
export interface Conv2dAttrs {
  /** Elements from one window to the next, down and across. */
  readonly stride: Pair;
  readonly padding: Padding;
  /** Elements from one tap of the kernel to the next, down and across. */
  readonly dilation: Pair;
  /** Number of groups that channels are cut into; each convolves its own. */
  readonly groups: number;
}

/** Padding takes one number, [vertical, horizontal], or [top, bottom, left, right]. */
export interface Conv2dOptions {
  /** Added to every output channel: [Co]. Default none. */
  readonly bias?: Tensor | undefined;
  /** Elements from one window to the next: one number or [vertical, horizontal]. Default 1. */
  readonly stride?: PairOption | undefined;
  /** Zeros around x, in elements. Default 0. */
  readonly padding?: PaddingOption | undefined;
  /** Elements from one tap to the next: one number or [vertical, horizontal]. Default 1. */
  readonly dilation?: PairOption | undefined;
  /** Number of groups that channels are cut into. Default 1. */
  readonly groups?: number | undefined;
}

/** Defaults: stride 1, padding 0, dilation 1, groups 1. */
export function conv2dAttrs(op: string, { stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv2dOptions): Conv2dAttrs {
  return { stride: toPair(op, "stride", stride), padding: toPadding(op, padding), dilation: toPair(op, "dilation", dilation), groups };
}

/** Shape of a convolution's output; the checks shared by the op and its two gradients. */
export function convShape(op: string, x: readonly number[], weight: readonly number[], attrs: Conv2dAttrs): number[] {
  const [n, ci, h, w] = x;
  const [co, cig, kh, kw] = weight;
  const { groups, stride, padding, dilation } = attrs;
  if (!Number.isInteger(groups) || groups < 1 || ci % groups !== 0 || co % groups !== 0 || cig * groups !== ci) {
    throw new ShapeError(
      op,
      `weight must be [Co, Ci/groups, kh, kw] with groups dividing Ci and Co, got weight ${formatShape(weight)}, x ${formatShape(x)}, groups ${groups}`,
    );
  }
  return [n, co, ...windowCount(op, [h, w], { kernel: [kh, kw], stride, padding, dilation })];
}

function requireConvPair(op: string, a: Meta, b: Meta, names: readonly [string, string]): void {
  requireFloat(op, names[0], a);
  requireSameDtype(op, a, b, names);
  requireRank(op, names[0], a, 4);
  requireRank(op, names[1], b, 4);
}

/** A random convolution: grouped, strided, dilated, padded. */
export function drawConv(draw: Draw): { x: number[]; weight: number[]; attrs: Conv2dAttrs } {
  const groups = draw.int(1, 2);
  const [ci, co] = [groups * draw.int(1, 2), groups * draw.int(1, 2)];
  const kernel = [draw.int(1, 3), draw.int(1, 3)];
  const dilation: Pair = [draw.int(1, 2), draw.int(1, 2)];
  const stride: Pair = [draw.int(1, 2), draw.int(1, 2)];
  const padding: Padding = [draw.int(0, 1), draw.int(0, 1), draw.int(0, 1), draw.int(0, 1)];
  const size = [0, 1].map((i) => dilation[i] * (kernel[i] - 1) + draw.int(1, 4));
  return {
    x: [draw.int(1, 2), ci, ...size],
    weight: [co, ci / groups, ...kernel],
    attrs: { stride, padding, dilation, groups },
  };
}

/**
 * Cross-correlation of x [N, Ci, H, W] with weight [Co, Ci/groups, kh, kw], plus bias [Co], -> [N, Co, oh, ow].
 * Sums accumulate in double. Errors: ShapeError, DTypeError, ArgumentError for bad geometry.
 */
export const conv2d: Op<Conv2dAttrs, (x: Tensor, weight: Tensor, options?: Conv2dOptions) => Tensor> = defineOp(
  {
    name: "conv2d",
    infer([x, weight, bias], attrs) {
      requireConvPair("conv2d", x, weight, ["x", "weight"]);
      if (bias) {
        requireSameDtype("conv2d", x, bias, ["x", "bias"]);
        requireShape("conv2d", "bias", bias, [weight.shape[0]]);
      }
      return [{ shape: convShape("conv2d", x.shape, weight.shape, attrs), dtype: x.dtype }];
    },
    reference([x, weight, bias], attrs, [y]) {
      correlate(x, weight, bias, attrs, y);
    },
    vjp([g], { inputs: [x, weight, bias], attrs, wants }) {
      if (!g) return [undefined, undefined, undefined];
      const [, , h, w] = x.shape;
      const [, , kh, kw] = weight.shape;
      return [
        wants[0] ? conv2dInputGrad(g, weight, { ...attrs, inputSize: [h, w] }) : undefined,
        wants[1] ? conv2dWeightGrad(x, g, { ...attrs, kernelSize: [kh, kw] }) : undefined,
        bias && wants[2] ? sum(g, { dim: [0, 2, 3] }) : undefined,
      ];
    },
    macs([x, weight], attrs) {
      const [n, co, oh, ow] = convShape("conv2d", x.shape, weight.shape, attrs);
      const [, cig, kh, kw] = weight.shape;
      return n * co * oh * ow * cig * kh * kw;
    },
    sample(draw) {
      const { x, weight, attrs } = drawConv(draw);
      const bias = draw.bool() ? [drawTensor(draw, [weight[0]])] : [];
      return { inputs: [drawTensor(draw, x), drawTensor(draw, weight), ...bias], attrs };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [1, 2, 4, 4]), drawTensor(draw, [2, 3, 1, 1])],
      attrs: conv2dAttrs("conv2d", {}),
    }),
  },
  (run) =>
    (x: Tensor, weight: Tensor, options: Conv2dOptions = {}) =>
      run(options.bias ? [x, weight, options.bias] : [x, weight], conv2dAttrs("conv2d", options))[0],
);

/** Geometry of the convolution, and the size its output does not tell. */
export interface Conv2dInputGradAttrs extends Conv2dAttrs {
  /** [H, W] of the convolution's input. */
  readonly inputSize: Pair;
}

/**
 * Gradient of conv2d for its input: g [N, Co, oh, ow], weight [Co, Ci/groups, kh, kw] -> [N, Ci, H, W]. Errors:
 * ShapeError or DTypeError where g and weight do not fit the attributes.
 */
export const conv2dInputGrad: Op<Conv2dInputGradAttrs, (g: Tensor, weight: Tensor, attrs: Conv2dInputGradAttrs) => Tensor> = defineOp(
  {
    name: "conv2dInputGrad",
    infer([g, weight], attrs) {
      const op = "conv2dInputGrad";
      requireConvPair(op, g, weight, ["g", "weight"]);
      const shape = [g.shape[0], weight.shape[1] * attrs.groups, ...attrs.inputSize];
      requireShape(op, "g", g, convShape(op, shape, weight.shape, attrs));
      return [{ shape, dtype: g.dtype }];
    },
    reference([g, weight], attrs, [y]) {
      spreadInput(g, weight, attrs, y);
    },
    vjp([u], { inputs: [g, weight], attrs: { inputSize: _, ...attrs }, wants }) {
      const [, , kh, kw] = weight.shape;
      return [
        u && wants[0] ? conv2d(u, weight, attrs) : undefined,
        u && wants[1] ? conv2dWeightGrad(u, g, { ...attrs, kernelSize: [kh, kw] }) : undefined,
      ];
    },
    macs: ([g, weight]) => g.shape[0] * g.shape[1] * g.shape[2] * g.shape[3] * weight.shape[1] * weight.shape[2] * weight.shape[3],
    sample(draw) {
      const { x, weight, attrs } = drawConv(draw);
      const g = convShape("conv2dInputGrad", x, weight, attrs);
      return { inputs: [drawTensor(draw, g), drawTensor(draw, weight)], attrs: { ...attrs, inputSize: [x[2], x[3]] } };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [1, 2, 4, 4]), drawTensor(draw, [2, 2, 1, 1])],
      attrs: { ...conv2dAttrs("conv2dInputGrad", {}), inputSize: [5, 4] as const },
    }),
  },
  (run) => (g: Tensor, weight: Tensor, attrs: Conv2dInputGradAttrs) => run([g, weight], attrs)[0],
);

/** Geometry of the convolution, and the kernel size its output does not tell. */
export interface Conv2dWeightGradAttrs extends Conv2dAttrs {
  /** [kh, kw] of the convolution's weight. */
  readonly kernelSize: Pair;
}

/**
 * Gradient of conv2d for its weight: x [N, Ci, H, W], g [N, Co, oh, ow] -> [Co, Ci/groups, kh, kw]. Errors: ShapeError
 * or DTypeError where x and g do not fit the attributes.
 */
export const conv2dWeightGrad: Op<Conv2dWeightGradAttrs, (x: Tensor, g: Tensor, attrs: Conv2dWeightGradAttrs) => Tensor> = defineOp(
  {
    name: "conv2dWeightGrad",
    infer([x, g], attrs) {
      const op = "conv2dWeightGrad";
      requireConvPair(op, x, g, ["x", "g"]);
      const shape = [g.shape[1], x.shape[1] / attrs.groups, ...attrs.kernelSize];
      requireShape(op, "g", g, convShape(op, x.shape, shape, attrs));
      return [{ shape, dtype: x.dtype }];
    },
    reference([x, g], attrs, [y]) {
      spreadWeight(x, g, attrs, y);
    },
    vjp([u], { inputs: [x, g], attrs: { kernelSize: _, ...attrs }, wants }) {
      const [, , h, w] = x.shape;
      return [
        u && wants[0] ? conv2dInputGrad(g, u, { ...attrs, inputSize: [h, w] }) : undefined,
        u && wants[1] ? conv2d(x, u, attrs) : undefined,
      ];
    },
    macs: ([x, g], { groups, kernelSize: [kh, kw] }) => g.shape[0] * g.shape[1] * g.shape[2] * g.shape[3] * (x.shape[1] / groups) * kh * kw,
    sample(draw) {
      const { x, weight, attrs } = drawConv(draw);
      const g = convShape("conv2dWeightGrad", x, weight, attrs);
      return { inputs: [drawTensor(draw, x), drawTensor(draw, g)], attrs: { ...attrs, kernelSize: [weight[2], weight[3]] } };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [1, 2, 4, 4]), drawTensor(draw, [1, 2, 5, 4])],
      attrs: { ...conv2dAttrs("conv2dWeightGrad", {}), kernelSize: [1, 1] as const },
    }),
  },
  (run) => (x: Tensor, g: Tensor, attrs: Conv2dWeightGradAttrs) => run([x, g], attrs)[0],
);
