import { ShapeError } from "../../errors.ts";
import { spreadInput } from "../correlate.ts";
import { drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank, requireSameDtype, requireShape } from "../require.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Pair, type PairOption, toPair } from "../window.ts";
import { type Conv2dAttrs, type Conv2dOptions, conv2d, conv2dAttrs, conv2dWeightGrad, convShape, drawConv } from "./conv2d.ts";
import { sum } from "./reduce.ts";

/** Geometry of the convolution this op is the adjoint of. */
export interface ConvTranspose2dAttrs extends Conv2dAttrs {
  /** Rows and columns added at the bottom and right of the output. */
  readonly outputPadding: Pair;
}

/** Output shape [N, Co, oh, ow]; x must be what a convolution of that shape gives. */
function transposeShape(x: readonly number[], weight: readonly number[], attrs: ConvTranspose2dAttrs): number[] {
  const op = "convTranspose2d";
  const { stride, padding, dilation, groups, outputPadding } = attrs;
  const size = [0, 1].map(
    (i) => (x[2 + i] - 1) * stride[i] - padding[2 * i] - padding[2 * i + 1] + dilation[i] * (weight[2 + i] - 1) + outputPadding[i] + 1,
  );
  if (weight[0] !== x[1]) {
    throw new ShapeError(op, `weight must be [Ci, Co/groups, kh, kw] with Ci = ${x[1]}, got ${formatShape(weight)} (x ${formatShape(x)})`);
  }
  if (outputPadding.some((p, i) => p >= stride[i])) {
    throw new ShapeError(op, `outputPadding must lie below stride ${formatShape(stride)}, got ${formatShape(outputPadding)}`);
  }
  if (size.some((d) => d < 1)) {
    throw new ShapeError(
      op,
      `the output must have at least one row and column, got ${formatShape(size)} (x ${formatShape(x)}, weight ${formatShape(weight)}, padding ${formatShape(padding)})`,
    );
  }
  return [x[0], weight[1] * groups, ...size];
}

/**
 * The adjoint of conv2d as a layer: x [N, Ci, H, W], weight [Ci, Co/groups, kh, kw], bias [Co] -> [N, Co, oh, ow],
 * oh = (H - 1) · stride - padding + dilation · (kh - 1) + outputPadding + 1. Sums accumulate in double.
 *
 * Errors: ShapeError or DTypeError where the operands do not fit, also where outputPadding is not below stride.
 */
export const convTranspose2d: Op<
  ConvTranspose2dAttrs,
  (x: Tensor, weight: Tensor, options?: Conv2dOptions & { readonly outputPadding?: PairOption | undefined }) => Tensor
> = defineOp(
  {
    name: "convTranspose2d",
    infer([x, weight, bias], attrs) {
      const op = "convTranspose2d";
      requireFloat(op, "x", x);
      requireSameDtype(op, x, weight, ["x", "weight"]);
      requireRank(op, "x", x, 4);
      requireRank(op, "weight", weight, 4);
      const shape = transposeShape(x.shape, weight.shape, attrs);
      if (x.shape[1] % attrs.groups !== 0) {
        throw new ShapeError(op, `groups must divide the ${x.shape[1]} input channels, got ${attrs.groups}`);
      }
      if (bias) {
        requireSameDtype(op, x, bias, ["x", "bias"]);
        requireShape(op, "bias", bias, [shape[1]]);
      }
      return [{ shape, dtype: x.dtype }];
    },
    reference([x, weight, bias], attrs, [y]) {
      spreadInput(x, weight, attrs, y, bias);
    },
    vjp([g], { inputs: [x, weight, bias], attrs: { stride, padding, dilation, groups }, wants }) {
      if (!g) return [undefined, undefined, undefined];
      const attrs: Conv2dAttrs = { stride, padding, dilation, groups };
      const [, , kh, kw] = weight.shape;
      return [
        wants[0] ? conv2d(g, weight, attrs) : undefined,
        wants[1] ? conv2dWeightGrad(g, x, { ...attrs, kernelSize: [kh, kw] }) : undefined,
        bias && wants[2] ? sum(g, { dim: [0, 2, 3] }) : undefined,
      ];
    },
    macs: ([x, weight]) => x.shape[0] * x.shape[1] * x.shape[2] * x.shape[3] * weight.shape[1] * weight.shape[2] * weight.shape[3],
    sample(draw) {
      const conv = drawConv(draw);
      const [n, co, oh, ow] = convShape("convTranspose2d", conv.x, conv.weight, conv.attrs);
      const { stride, padding, dilation } = conv.attrs;
      const natural = [oh, ow].map(
        (d, i) => (d - 1) * stride[i] - padding[2 * i] - padding[2 * i + 1] + dilation[i] * (conv.weight[2 + i] - 1) + 1,
      );
      const outputPadding: Pair = [conv.x[2] - natural[0], conv.x[3] - natural[1]];
      const bias = draw.bool() ? [drawTensor(draw, [conv.x[1]])] : [];
      return {
        inputs: [drawTensor(draw, [n, co, oh, ow]), drawTensor(draw, conv.weight), ...bias],
        attrs: { ...conv.attrs, outputPadding },
      };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [1, 2, 4, 4]), drawTensor(draw, [3, 2, 1, 1])],
      attrs: { ...conv2dAttrs("convTranspose2d", {}), outputPadding: [0, 0] as const },
    }),
  },
  (run) =>
    (x: Tensor, weight: Tensor, options: Conv2dOptions & { readonly outputPadding?: PairOption | undefined } = {}) => {
      const attrs = {
        ...conv2dAttrs("convTranspose2d", options),
        outputPadding: toPair("convTranspose2d", "outputPadding", options.outputPadding ?? 0, 0),
      };
      return run(options.bias ? [x, weight, options.bias] : [x, weight], attrs)[0];
    },
);
