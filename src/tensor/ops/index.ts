export { elu, gelu, mish, prelu } from "./activation.ts";
export { adaptiveAvgPool2d, adaptiveMaxPool2d } from "./adaptivePool2d.ts";
export { type AvgPool2dAttrs, type AvgPool2dOptions, avgPool2d, avgPool2dInputGrad } from "./avgPool2d.ts";
export { batchNorm } from "./batchNorm.ts";
export { add, div, maximum, minimum, mul, type Operand, pow, sub } from "./binary.ts";
export { bucketize } from "./bucketize.ts";
export { cast } from "./cast.ts";
export { clamp } from "./clamp.ts";
export { equal, greater, greaterEqual, less, lessEqual } from "./compare.ts";
export { chunk, concat, split, stack } from "./concat.ts";
export { conv1d } from "./conv1d.ts";
export {
  type Conv2dAttrs,
  type Conv2dInputGradAttrs,
  type Conv2dOptions,
  type Conv2dWeightGradAttrs,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
} from "./conv2d.ts";
export { type ConvTranspose2dAttrs, convTranspose2d } from "./convTranspose2d.ts";
export { cumsum } from "./cumsum.ts";
export { detach } from "./detach.ts";
export { erf } from "./erf.ts";
export { expand } from "./expand.ts";
export { type FakeQuantAttrs, fakeQuant } from "./fakeQuant.ts";
export { type FakeQuantGradAttrs, fakeQuantGrad } from "./fakeQuantGrad.ts";
export { gather, type IndexAttrs, indexSelect, scatterAdd } from "./gather.ts";
export { type GridPadding, type GridSampleAttrs, gridSample } from "./gridSample.ts";
export { type InterpolateAttrs, type InterpolateOptions, interpolate, interpolateInputGrad } from "./interpolate.ts";
export { linear, matmul } from "./matmul.ts";
export { type MaxPool2dAttrs, type MaxPool2dOptions, maxPool2d, maxPool2dIndices } from "./maxPool2d.ts";
export { channelMoments, prod, std, variance } from "./moments.ts";
export { groupNorm, instanceNorm, layerNorm, rmsNorm } from "./norm.ts";
export { type AdamStepAttrs, adamStep, clipNorm, type RmspropStepAttrs, rmspropStep, type SgdStepAttrs, sgdStep } from "./optimizer.ts";
export { type PadAttrs, type PadMode, pad, padInputGrad } from "./pad.ts";
export { permute } from "./permute.ts";
export { diagonal, flip, repeat, roll } from "./rearrange.ts";
export { amax, amin, l1Norm, logSumExp, mean, type ReduceAttrs, type ReduceOptions, sum, sumTo } from "./reduce.ts";
export { flatten, reshape, squeeze, unsqueeze } from "./reshape.ts";
export { type RoiAlignAttrs, roiAlign, roiAlignInputGrad } from "./roiAlign.ts";
export { type HalfFormat, roundFloat } from "./roundFloat.ts";
export { roundSte } from "./roundSte.ts";
export { scatter } from "./scatter.ts";
export { embedding, indexNd, maskedSelect, oneHot, ravelIndex } from "./select.ts";
export { type SliceAttrs, slice, sliceInputGrad } from "./slice.ts";
export { logSoftmax, softmax } from "./softmax.ts";
export { sort, topk } from "./topk.ts";
export { tril, triu } from "./tril.ts";
export {
  abs,
  atan,
  ceil,
  cos,
  exp,
  expm1,
  floor,
  hardsigmoid,
  hardswish,
  leakyRelu,
  log,
  log1p,
  logSigmoid,
  neg,
  reciprocal,
  relu,
  relu6,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  tanh,
} from "./unary.ts";
export { where } from "./where.ts";
