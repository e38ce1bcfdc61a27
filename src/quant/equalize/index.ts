/** Rewrites of a float network that leave what it computes and make it easier to quantize. */

export { type AbsorbOptions, absorbBias, type PreActivations } from "./absorbBias.ts";
export { analyticBiasCorrection, expectedChannels } from "./analyticBias.ts";
export { type CrossLayerOptions, crossLayerEqualize, type EqualizedGroup, equalizableGroups } from "./crossLayer.ts";
export { type EqualizeContext, type Equalizer, equalizers, type Watch } from "./equalizers.ts";
export { addLowRankBranches, type LowRankBranch, type LowRankOptions, lowRankBranch, type RoundResidual } from "./lowRank.ts";
export { frobeniusNorm, leadingRows, type Matrix } from "./matrix.ts";
export { clippedMean } from "./normal.ts";
export type { Rewrite } from "./parameters.ts";
export { channelExponents, powerOfTwoScaling, voteExponent } from "./powerOfTwo.ts";
export { type Between, type Fold as SeamFold, findSeams, type Seam } from "./seams.ts";
export { type LargestValues, type SmoothOptions, smooth } from "./smooth.ts";
export { ChannelMeter, type ChannelStatistics } from "./statistics.ts";
