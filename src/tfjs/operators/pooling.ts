import {
  amax,
  amin,
  avgPool2d,
  type InterpolateAttrs,
  interpolate,
  maxPool2d,
  mean,
  type OpDef,
  type ReduceAttrs,
  sum,
} from "../../tensor/index.ts";
import type { OperatorRow, TfCall } from "../call.ts";
import { planeAxis } from "../held.ts";
import { spatialPair, windowPads } from "./window.ts";

function windowOf(call: TfCall) {
  const x = call.planes(0);
  const [kernel, stride] = [spatialPair(call, "ksize"), spatialPair(call, "strides")];
  const padding = windowPads(call, x.meta.shape.slice(2), kernel, stride, [1, 1]);
  return { x, kernel, stride, padding, ceilMode: false };
}

const maxPool: OperatorRow = {
  op: "MaxPool",
  build(call) {
    const { x, ...window } = windowOf(call);
    call.writePlanes(maxPool2d, [x], { ...window, dilation: [1, 1] });
  },
};

/** Padding does not count in the mean. */
const avgPool: OperatorRow = {
  op: "AvgPool",
  build(call) {
    const { x, ...window } = windowOf(call);
    call.writePlanes(avgPool2d, [x], { ...window, countIncludePad: false });
  },
};

/** In our order where the result keeps 4 axes or the order of those left is the file's. */
const reduction = (op: string, ours: { readonly def: OpDef<ReduceAttrs> }): OperatorRow => ({
  op,
  build(call) {
    const held = call.held(0);
    const rank = held.meta.shape.length;
    const axes = [...new Set(call.numbers(1).map((a) => call.axis(a, rank)))].sort((a, b) => a - b);
    const keepdim = call.attributes.bool("keep_dims");
    const planes = axes.map(planeAxis).sort((a, b) => a - b);
    if (held.prefersPlanes && keepdim) return call.writePlanes(ours, [call.planes(0)], { dim: planes, keepdim });
    const orderKept = axes.includes(3) || (axes.includes(1) && axes.includes(2));
    if (held.prefersPlanes && orderKept) return call.write(ours, [call.planes(0)], { dim: planes, keepdim });
    return call.write(ours, [call.rows(0)], { dim: axes, keepdim });
  },
});

/** How TensorFlow names the place of a pixel; `rounding` matters to the nearest one only. */
function ruleOf(call: TfCall, mode: InterpolateAttrs["mode"]): Pick<InterpolateAttrs, "mode" | "coordinate" | "rounding"> {
  if (call.attributes.bool("align_corners")) return { mode, coordinate: "align_corners", rounding: "round_prefer_ceil" };
  if (call.attributes.bool("half_pixel_centers")) return { mode, coordinate: "half_pixel", rounding: "round_prefer_ceil" };
  return { mode, coordinate: "asymmetric", rounding: "floor" };
}

const resize = (op: string, mode: InterpolateAttrs["mode"]): OperatorRow => ({
  op,
  build(call) {
    const x = call.planes(0);
    const [height, width] = call.numbers(1);
    if (!(height >= 1 && width >= 1 && height <= 65536 && width <= 65536))
      call.fail(`the size must be two numbers in 1..65536, got [${call.numbers(1).join(",")}]`);
    const step: [number, number] = [x.meta.shape[2] / height, x.meta.shape[3] / width];
    call.writePlanes(interpolate, [x], { size: [height, width], step, ...ruleOf(call, mode) });
  },
});

export const poolingRows: readonly OperatorRow[] = [
  maxPool,
  avgPool,
  reduction("Mean", mean),
  reduction("Sum", sum),
  reduction("Max", amax),
  reduction("Min", amin),
  resize("ResizeBilinear", "bilinear"),
  resize("ResizeNearestNeighbor", "nearest"),
];
