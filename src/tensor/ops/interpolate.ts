import { ArgumentError, ShapeError } from "../../errors.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { bind, defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank, requireShape } from "../require.ts";
import { formatShape } from "../shape.ts";
import { type Coordinate, type InterpolateAttrs, type NearestRounding, tapsOf } from "../taps.ts";
import type { Meta, Tensor } from "../tensor.ts";
import type { Pair } from "../window.ts";

export type { Coordinate, InterpolateAttrs, NearestRounding };

/**
 * `size` [oh, ow] or `scales` (one number or [h, w]; output size floor(n · scale), coordinates by the
 * scale itself, as ONNX and PyTorch with recomputation off). Defaults are PyTorch's: mode nearest,
 * asymmetric and floor; bilinear half_pixel, or align_corners where `alignCorners` is set.
 */
export interface InterpolateOptions {
  readonly size?: readonly number[] | undefined;
  readonly scales?: number | readonly number[] | undefined;
  readonly mode?: "nearest" | "bilinear" | undefined;
  readonly alignCorners?: boolean | undefined;
  /** Where an output element lies in the input, instead of the default. */
  readonly coordinate?: Coordinate | undefined;
  /** Which element mode "nearest" takes there. Default floor. */
  readonly rounding?: NearestRounding | undefined;
}

function attrsOf(x: Meta, options: InterpolateOptions): InterpolateAttrs {
  const { size, scales, mode = "nearest", alignCorners = false, rounding = "floor" } = options;
  requireRank("interpolate", "x", x, 4);
  if ((size === undefined) === (scales === undefined)) {
    throw new ArgumentError("interpolate", `needs either size or scales, got ${size ? "both" : "neither"}`);
  }
  const coordinate = options.coordinate ?? (alignCorners ? "align_corners" : mode === "nearest" ? "asymmetric" : "half_pixel");
  const input: Pair = [x.shape[2], x.shape[3]];
  if (size) return { size: [size[0], size[1]], step: [input[0] / size[0], input[1] / size[1]], mode, coordinate, rounding };
  const [sh, sw] = typeof scales === "number" ? [scales, scales] : (scales as readonly number[]);
  return { size: [Math.floor(input[0] * sh), Math.floor(input[1] * sw)], step: [1 / sh, 1 / sw], mode, coordinate, rounding };
}

/** Calls `visit(output, input, weight)` for every input pixel an output pixel reads. */
function eachTap(input: readonly number[], attrs: InterpolateAttrs, visit: (iy: number, ix: number, weight: number) => void): void {
  const [n, c, h, w] = input;
  const [oh, ow] = attrs.size;
  const rows = tapsOf(0, h, attrs);
  const columns = tapsOf(1, w, attrs);
  for (let p = 0; p < n * c; p++) {
    for (let i = 0; i < oh; i++) {
      const [top, bottom, v] = [(p * h + rows.low[i]) * w, (p * h + rows.high[i]) * w, rows.share[i]];
      for (let j = 0; j < ow; j++) {
        const [left, right, u] = [columns.low[j], columns.high[j], columns.share[j]];
        const iy = (p * oh + i) * ow + j;
        visit(iy, top + left, (1 - v) * (1 - u));
        if (u > 0) visit(iy, top + right, (1 - v) * u);
        if (v > 0) visit(iy, bottom + left, v * (1 - u));
        if (u > 0 && v > 0) visit(iy, bottom + right, v * u);
      }
    }
  }
}

/** Mode "nearest": every output pixel is a copy of one input pixel. */
function pick(x: Tensor, attrs: InterpolateAttrs, y: Tensor): void {
  const [n, c, h, w] = x.shape;
  const [oh, ow] = attrs.size;
  const rows = tapsOf(0, h, attrs).low;
  const columns = tapsOf(1, w, attrs).low;
  for (let p = 0; p < n * c; p++) {
    for (let i = 0; i < oh; i++) {
      const from = (p * h + rows[i]) * w;
      const to = (p * oh + i) * ow;
      for (let j = 0; j < ow; j++) y.data[to + j] = x.data[from + columns[j]];
    }
  }
}

function inferSize(op: string, x: Meta, { size }: InterpolateAttrs): void {
  requireFloat(op, "x", x);
  requireRank(op, "x", x, 4);
  if (!size.every((d) => Number.isInteger(d) && d >= 1) || x.shape[2] === 0 || x.shape[3] === 0) {
    throw new ShapeError(op, `input and output must have at least one pixel, got ${formatShape(x.shape)} to ${formatShape(size)}`);
  }
}

function drawResize(draw: Draw): { shape: number[]; attrs: InterpolateAttrs } {
  const shape = [draw.int(1, 2), draw.int(1, 2), draw.int(1, 4), draw.int(1, 4)];
  const attrs = attrsOf(
    { shape, dtype: draw.dtype },
    {
      size: [draw.int(1, 6), draw.int(1, 6)],
      mode: draw.oneOf(["nearest", "bilinear"] as const),
      coordinate: draw.oneOf(["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"] as const),
      rounding: draw.oneOf(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"] as const),
    },
  );
  return { shape, attrs };
}

/**
 * Resizes x [N, C, H, W] to [N, C, oh, ow]; see InterpolateAttrs for the coordinate rules. Errors: DTypeError for
 * integers, ShapeError unless x has rank 4 and a pixel, ArgumentError unless exactly one of size and scales is given.
 */
export const interpolate: Op<InterpolateAttrs, (x: Tensor, options: InterpolateOptions) => Tensor> = defineOp(
  {
    name: "interpolate",
    infer([x], attrs): Meta[] {
      inferSize("interpolate", x, attrs);
      return [{ shape: [x.shape[0], x.shape[1], ...attrs.size], dtype: x.dtype }];
    },
    reference([x], attrs, [y]) {
      if (attrs.mode === "nearest") {
        pick(x, attrs, y);
        return;
      }
      const sums = new Float64Array(y.size);
      eachTap(x.shape, attrs, (iy, ix, weight) => {
        sums[iy] += x.data[ix] * weight;
      });
      y.data.set(sums);
    },
    vjp: ([g], { inputs: [x], attrs }) => [g && interpolateInputGrad(g, { ...attrs, inputSize: [x.shape[2], x.shape[3]] })],
    sample(draw) {
      const { shape, attrs } = drawResize(draw);
      return { inputs: [drawTensor(draw, shape)], attrs };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [2, 2])],
      attrs: { size: [2, 2], step: [1, 1], mode: "nearest", coordinate: "asymmetric", rounding: "floor" } as const,
    }),
  },
  (run) => (x: Tensor, options: InterpolateOptions) => run([x], attrsOf(x, options))[0],
);

export interface InterpolateInputGradAttrs extends InterpolateAttrs {
  /** [H, W] before resizing. */
  readonly inputSize: Pair;
}

/**
 * Gradient of interpolate for its input: g [N, C, oh, ow] -> [N, C, H, W]. Errors: DTypeError for integers, ShapeError
 * where g does not have the shape `interpolate` gives.
 */
export const interpolateInputGrad: Op<InterpolateInputGradAttrs, (g: Tensor, attrs: InterpolateInputGradAttrs) => Tensor> = defineOp(
  {
    name: "interpolateInputGrad",
    infer([g], attrs): Meta[] {
      inferSize("interpolateInputGrad", g, attrs);
      const [n, c] = g.shape;
      requireShape("interpolateInputGrad", "g", g, [n, c, ...attrs.size]);
      return [{ shape: [n, c, ...attrs.inputSize], dtype: g.dtype }];
    },
    reference([g], attrs, [y]) {
      const sums = new Float64Array(y.size);
      eachTap(y.shape, attrs, (iy, ix, weight) => {
        sums[ix] += g.data[iy] * weight;
      });
      y.data.set(sums);
    },
    vjp: ([u], { attrs: { inputSize: _, ...attrs } }) => [u && bind(interpolate.def, [u], attrs)[0]],
    sample(draw) {
      const { shape, attrs } = drawResize(draw);
      return {
        inputs: [drawTensor(draw, [shape[0], shape[1], ...attrs.size])],
        attrs: { ...attrs, inputSize: [shape[2], shape[3]] as const },
      };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [1, 1, 3, 2])],
      attrs: { size: [2, 2], step: [1, 1], mode: "nearest", coordinate: "asymmetric", rounding: "floor", inputSize: [2, 2] } as const,
    }),
  },
  (run) => (g: Tensor, attrs: InterpolateInputGradAttrs) => run([g], attrs)[0],
);
