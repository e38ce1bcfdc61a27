/** Layers as modules with named sites, losses, optimizers and the loop that descends. */

export { type BatchNormStatistics, foldBatchNorm } from "./foldBatchNorm.ts";
export {
  fans,
  gain,
  type KaimingOptions,
  kaimingBound,
  kaimingNormal,
  kaimingStd,
  kaimingUniform,
  type Nonlinearity,
  xavierBound,
  xavierStd,
  xavierUniform,
} from "./init.ts";
export { Activation, PRelu } from "./layers/activation.ts";
export { BatchNorm, type BatchNormParts, channelStatistics, forwardWithStatistics } from "./layers/batchNorm.ts";
export { Conv1d } from "./layers/conv1d.ts";
export { Conv2d, type Conv2dConfig } from "./layers/conv2d.ts";
export { Embedding } from "./layers/embedding.ts";
export { Linear } from "./layers/linear.ts";
export { GroupNorm, InstanceNorm, LayerNorm, type NormParts, RmsNorm } from "./layers/norm.ts";
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, GlobalAvgPool, MaxPool2d, type PoolConfig, Upsample } from "./layers/pool.ts";
export { Sequential } from "./layers/sequential.ts";
export { bce, bceWithLogits, type CrossEntropyOptions, crossEntropy, klDiv } from "./loss/crossEntropy.ts";
export {
  type CenternetFocalOptions,
  centernetFocalLoss,
  centernetRegL1Loss,
  type FocalOptions,
  type FocalWeights,
  focalLogLikelihood,
  sigmoidFocalLoss,
} from "./loss/focal.ts";
export { type BoxLossOptions, ciouLoss, diouLoss, giouLoss } from "./loss/giou.ts";
export { type TopKMode, type TopKNllOptions, topKNll, topKNllPerImage } from "./loss/heatmapNll.ts";
export { type Reduction, reduceLoss } from "./loss/reduction.ts";
export { huberLoss, type LossOptions, l1Loss, mseLoss, smoothL1Loss } from "./loss/regression.ts";
export {
  type Batches,
  type BatchLoss,
  descend,
  type Loss,
  type LossValue,
  type MinimizeOptions,
  type MinimizeStep,
  type Minimum,
  minimize,
  type Rate,
} from "./minimize.ts";
export { identityTap, type Module, parameters, type Site, type Slot, submodules, type Tap, tapFrom, withParameters } from "./module.ts";
export {
  type AdamOptions,
  adam,
  adamW,
  clipGradNorm,
  type Gradients,
  initialState,
  type Optimizer,
  type OptimizerState,
  optimizerStep,
  type Parameters,
  type RmspropOptions,
  rmsprop,
  type SgdOptions,
  sgd,
} from "./optim.ts";
export { constant, cosine, exponential, milestones, type Schedule, stepwise, warmup } from "./schedule.ts";
