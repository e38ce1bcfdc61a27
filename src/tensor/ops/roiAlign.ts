import { ArgumentError, ShapeError } from "../../errors.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { bind, defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank } from "../require.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

interface RoiAlignOptions {
  /** Rows and columns of bins. */
  readonly output: readonly [number, number];
  /** Map cells per box unit. Default 1. */
  readonly spatialScale?: number;
  /** Samples per bin and direction; -1 (default) takes one a map cell. */
  readonly samplingRatio?: number;
  /** Whether coordinates shift by half a cell, and boxes may be narrower than one. Default false. */
  readonly aligned?: boolean;
}

/** `rois`: rows of image index, x1, y1, x2, y2. Boxes are fixed: no gradient flows to them. */
export interface RoiAlignAttrs extends Required<RoiAlignOptions> {
  readonly rois: readonly (readonly number[])[];
}

interface RoiAlignInputGradAttrs extends RoiAlignAttrs {
  /** Shape of x. */
  readonly inputShape: readonly number[];
}

/** Called once for every map cell that a bin reads, with its share. */
type Visit = (image: number, bin: number, cell: number, share: number) => void;

/** Walks all samples of one box: each reads four cells bilinearly, and a bin is the mean of its samples. */
function walkRoi(
  roi: readonly number[],
  { output, spatialScale, samplingRatio, aligned }: RoiAlignAttrs,
  [height, width]: readonly number[],
  visit: Visit,
): void {
  const shift = aligned ? 0.5 : 0;
  const [x1, y1, x2, y2] = roi.slice(1).map((v) => v * spatialScale - shift);
  const least = aligned ? -Infinity : 1;
  const binWidth = Math.max(x2 - x1, least) / output[1];
  const binHeight = Math.max(y2 - y1, least) / output[0];
  const rows = samplingRatio > 0 ? samplingRatio : Math.ceil(binHeight);
  const columns = samplingRatio > 0 ? samplingRatio : Math.ceil(binWidth);
  const count = Math.max(rows * columns, 1);
  for (let bin = 0; bin < output[0] * output[1]; bin++) {
    const top = y1 + Math.floor(bin / output[1]) * binHeight;
    const left = x1 + (bin % output[1]) * binWidth;
    for (let i = 0; i < rows; i++) {
      const ys = corners(top + ((i + 0.5) * binHeight) / rows, height);
      if (!ys) continue;
      for (let j = 0; j < columns; j++) {
        const xs = corners(left + ((j + 0.5) * binWidth) / columns, width);
        if (!xs) continue;
        for (const [y, wy] of ys) for (const [x, wx] of xs) visit(roi[0], bin, y * width + x, (wy * wx) / count);
      }
    }
  }
}

/** The two cells around a coordinate with their weights; undefined more than one cell outside. */
function corners(at: number, length: number): [[number, number], [number, number]] | undefined {
  if (at < -1 || at > length) return undefined;
  const inside = Math.max(at, 0);
  const low = Math.min(Math.floor(inside), length - 1);
  const high = Math.min(low + 1, length - 1);
  const rest = low === length - 1 ? 0 : inside - low;
  return [
    [low, 1 - rest],
    [high, rest],
  ];
}

function checkRois(op: string, { rois }: RoiAlignAttrs, images: number): void {
  const bad = rois.find((r) => r.length !== 5 || !Number.isInteger(r[0]) || r[0] < 0 || r[0] >= images);
  if (bad) throw new ShapeError(op, `every roi must be [image, x1, y1, x2, y2] with image below ${images}, got [${bad.join(",")}]`);
}

function drawRoiAlign(draw: Draw): { attrs: RoiAlignAttrs; inputShape: number[] } {
  const inputShape = [2, draw.int(1, 2), draw.int(2, 5), draw.int(2, 5)];
  const rois = Array.from({ length: draw.int(1, 2) }, () => {
    const [x, y] = [draw.float(-1, 4), draw.float(-1, 4)];
    return [draw.int(0, 1), x, y, x + draw.float(0.5, 4), y + draw.float(0.5, 4)];
  });
  const attrs = {
    output: [draw.int(1, 3), draw.int(1, 3)],
    spatialScale: 0.75,
    samplingRatio: draw.oneOf([-1, 2]),
    aligned: draw.bool(),
    rois,
  } as const;
  return { attrs, inputShape };
}

const outputShape = (channels: number, { rois, output }: RoiAlignAttrs): number[] => [rois.length, channels, output[0], output[1]];

/**
 * Pools every box to a fixed number of bins by averaging bilinear samples (Mask R-CNN).
 *
 * Shapes: x [N,C,H,W], rois [R,5] of image index, x1, y1, x2, y2 to [R,C,rows,columns]. Gradient to x only.
 *
 * Errors: DTypeError for integers, ShapeError for shapes that do not fit or a box of an image that is not there,
 * ArgumentError unless rois is [R,5].
 */
export const roiAlign: Op<RoiAlignAttrs, (x: Tensor, rois: Tensor, options: RoiAlignOptions) => Tensor> = defineOp(
  {
    name: "roiAlign",
    infer([x], attrs) {
      requireFloat("roiAlign", "x", x);
      requireRank("roiAlign", "x", x, 4);
      checkRois("roiAlign", attrs, x.shape[0]);
      return [{ shape: outputShape(x.shape[1], attrs), dtype: x.dtype }];
    },
    reference([x], attrs, [y]) {
      const [, channels, height, width] = x.shape;
      const bins = attrs.output[0] * attrs.output[1];
      const sums = new Float64Array(y.size);
      attrs.rois.forEach((roi, r) => {
        walkRoi(roi, attrs, [height, width], (image, bin, cell, share) => {
          for (let c = 0; c < channels; c++)
            sums[(r * channels + c) * bins + bin] += share * x.data[(image * channels + c) * height * width + cell];
        });
      });
      y.data.set(sums);
    },
    vjp: ([g], { inputs: [x], attrs }) => [g && roiAlignInputGrad(g, { ...attrs, inputShape: x.shape })],
    sample(draw) {
      const { attrs, inputShape } = drawRoiAlign(draw);
      return { inputs: [drawTensor(draw, inputShape)], attrs };
    },
    misuse(draw) {
      const { attrs, inputShape } = drawRoiAlign(draw);
      return { inputs: [drawTensor(draw, inputShape)], attrs: { ...attrs, rois: [[2, 0, 0, 1, 1]] } };
    },
  },
  (run) =>
    (x: Tensor, rois: Tensor, { output, spatialScale = 1, samplingRatio = -1, aligned = false }: RoiAlignOptions) => {
      if (rois.shape.length !== 2 || rois.shape[1] !== 5)
        throw new ArgumentError("roiAlign", `rois must be [R,5], got ${formatShape(rois.shape)}`);
      const rows = Array.from({ length: rois.shape[0] }, (_, r) => Array.from(rois.data.subarray(5 * r, 5 * r + 5)));
      return run([x], { output, spatialScale, samplingRatio, aligned, rois: rows })[0];
    },
);

/**
 * Sends every bin's cotangent back to the cells it read: the adjoint of `roiAlign`. g [R,C,rows,columns] to [N,C,H,W].
 * Errors: DTypeError for integers, ShapeError where g does not have the shape `roiAlign` gives.
 */
export const roiAlignInputGrad: Op<RoiAlignInputGradAttrs, (g: Tensor, attrs: RoiAlignInputGradAttrs) => Tensor> = defineOp(
  {
    name: "roiAlignInputGrad",
    infer([g], attrs) {
      requireFloat("roiAlignInputGrad", "g", g);
      checkRois("roiAlignInputGrad", attrs, attrs.inputShape[0]);
      const want = outputShape(attrs.inputShape[1], attrs);
      if (g.shape.length !== 4 || want.some((d, i) => d !== g.shape[i])) {
        throw new ShapeError("roiAlignInputGrad", `g must have shape ${formatShape(want)}, got ${formatShape(g.shape)}`);
      }
      return [{ shape: attrs.inputShape, dtype: g.dtype }];
    },
    reference([g], attrs, [y]) {
      const [, channels, height, width] = attrs.inputShape;
      const bins = attrs.output[0] * attrs.output[1];
      const sums = new Float64Array(y.size);
      attrs.rois.forEach((roi, r) => {
        walkRoi(roi, attrs, [height, width], (image, bin, cell, share) => {
          for (let c = 0; c < channels; c++)
            sums[(image * channels + c) * height * width + cell] += share * g.data[(r * channels + c) * bins + bin];
        });
      });
      y.data.set(sums);
    },
    vjp: ([u], { attrs: { inputShape: _, ...attrs } }) => [u && bindRoiAlign(u, attrs)],
    sample(draw) {
      const { attrs, inputShape } = drawRoiAlign(draw);
      return { inputs: [drawTensor(draw, outputShape(inputShape[1], attrs))], attrs: { ...attrs, inputShape } };
    },
    misuse(draw) {
      const { attrs, inputShape } = drawRoiAlign(draw);
      return { inputs: [drawTensor(draw, [1, 1, 1, 7])], attrs: { ...attrs, inputShape } };
    },
  },
  (run) => (g: Tensor, attrs: RoiAlignInputGradAttrs) => run([g], attrs)[0],
);

const bindRoiAlign = (x: Tensor, attrs: RoiAlignAttrs): Tensor => bind(roiAlign.def, [x], attrs)[0];
