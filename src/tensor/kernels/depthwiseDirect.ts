import type { Geometry } from "./conv2d.ts";
import { type Filtering, isPhased, isRolling, placeFiltering, placeSpreading, type Spreading } from "./depthwiseConv.ts";
import { isCorrelated, placeCorrelation } from "./depthwiseCorrelate.ts";
import type { Run } from "./index.ts";
import type { Epilogue, Placement } from "./placement.ts";

/** A depthwise convolution as the filtering of planes. */
const filteringOf = (g: Geometry): Filtering => ({
  ...{ kernel: g.kernel, stride: g.stride, mirrored: false, upwards: false },
  ...{ size: [g.height, g.width], out: g.out, before: [g.padding[0], g.padding[2]] },
  ...{ batch: g.batch, channels: g.inChannels, multiplier: g.outChannels / g.inChannels },
});

/**
 * The input gradient of a depthwise convolution as a filtering of the output's gradient: input (y, x) hears tap (ky, kx) from
 * output (y + top - ky, x + left - kx). Rows are counted from the bottom, so that taps are summed in their own order.
 */
const mirroredFiltering = ({ kernel: [kh, kw], stride, padding: [top, , left], ...g }: Geometry): Filtering => ({
  ...{ kernel: [kh, kw], stride, mirrored: true, upwards: true },
  ...{ size: g.out, out: [g.height, g.width], before: [g.height + top - g.out[0], kw - 1 - left] },
  ...{ batch: g.batch, channels: g.inChannels, multiplier: 1 },
});

/** What sums take last: the bias, or zeros. */
function startOf(call: Placement, channels: number): number {
  const bias = call.inputs[2];
  if (bias) return bias.address;
  const address = call.table(4 * channels);
  call.arena.f32.fill(0, address >> 2, (address >> 2) + channels);
  return address;
}

/** A depthwise convolution without a table of taps; undefined where it needs one. */
export function directForward(call: Placement, g: Geometry, epilogue: Epilogue): Run | undefined {
  const [x, weight] = call.inputs;
  const filtering = filteringOf(g);
  if (!isRolling(filtering, g.dilation)) return undefined;
  const blocks = { input: x.address, weights: weight.address, start: startOf(call, g.outChannels), output: call.outputs[0].address };
  return placeFiltering(call, filtering, blocks, epilogue);
}

/** The input gradient of a depthwise convolution of stride 1 or 2 (or its transpose, with a bias) likewise. */
export function directInputGrad(call: Placement, g: Geometry, epilogue: Epilogue): Run | undefined {
  const [gradient, weight] = call.inputs;
  const filtering = mirroredFiltering(g);
  const spreading: Spreading = { ...filtering, upwards: false, before: [g.padding[0], g.padding[2]] };
  const single = g.stride[0] === 1 && g.stride[1] === 1;
  if (single ? !isRolling(filtering, g.dilation) : !isPhased(spreading, g.dilation)) return undefined;
  const start = startOf(call, g.inChannels);
  const blocks = { input: gradient.address, weights: weight.address, start, output: call.outputs[0].address };
  return single ? placeFiltering(call, filtering, blocks, epilogue) : placeSpreading(call, spreading, blocks, epilogue);
}

/** The weight gradient of a depthwise convolution likewise. */
export function directWeightGrad(call: Placement, g: Geometry): Run | undefined {
  const [x, gradient] = call.inputs;
  const filtering = filteringOf(g);
  if (!isCorrelated(filtering, g.dilation)) return undefined;
  return placeCorrelation(call, filtering, { input: x.address, gradient: gradient.address, result: call.outputs[0].address });
}
