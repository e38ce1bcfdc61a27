/** Schemes, observers, objectives, methods and the driver that calibrates; plans, records, and models in integers. */

export { type ActivationSite, type Assignment, type AssignOptions, assign, keeping, type LayerPolicy, policies } from "./assign.ts";
export { type BiasCodes, quantizeBias } from "./bias.ts";
export { type BiasCorrection, liveBytes } from "./biasCorrection.ts";
export { type BitRule, requireLayers } from "./bitRules.ts";
export { type CalibrateOptions, type Calibration, calibrate, stagesOf } from "./calibrate.ts";
export { type Choice, type ChoiceOf, type Chooser, type Chosen, choosers } from "./choosers.ts";
export {
  COMPARISON_VERSION,
  type ComparisonRecord,
  type LayerDifference,
  type PictureDifference,
  parseComparison,
  type TensorDifference,
} from "./comparisonRecord.ts";
export {
  type Bits,
  bitOperations,
  type Cost,
  type CostFormats,
  type CostLayer,
  costLayers,
  costOf,
  costOfGraph,
  countedTwice,
  type DetectorLayer,
  type DetectorPart,
  type DetectorSize,
  effectiveMacs,
  type FlopRule,
  type FlopRuleName,
  fasterRcnnR50,
  flopRules,
  formatsOfAssignment,
  formatsOfPlan,
  quantizeParts,
  resnet50,
  retinaNetR50,
  type StorageBytes,
  storageBytes,
  storageWords,
} from "./cost/index.ts";
export {
  type AbsorbOptions,
  absorbBias,
  addLowRankBranches,
  analyticBiasCorrection,
  type Between,
  ChannelMeter,
  type ChannelStatistics,
  type CrossLayerOptions,
  channelExponents,
  clippedMean,
  crossLayerEqualize,
  type EqualizeContext,
  type EqualizedGroup,
  type Equalizer,
  equalizableGroups,
  equalizers,
  expectedChannels,
  findSeams,
  frobeniusNorm,
  type LargestValues,
  type LowRankBranch,
  type LowRankOptions,
  leadingRows,
  lowRankBranch,
  type Matrix,
  type PreActivations,
  powerOfTwoScaling,
  type Rewrite,
  type RoundResidual,
  type Seam,
  type SeamFold,
  type SmoothOptions,
  smooth,
  voteExponent,
  type Watch,
} from "./equalize/index.ts";
export {
  type FpRun,
  floatRuns,
  type GraphDetector,
  type GraphModel,
  gradientRuns,
  type SaliencyLoss,
  saliencyLoss,
} from "./evidence.ts";
export { inlierMask, inlierPosterior } from "./inlier.ts";
export {
  type Equality,
  type FloatCloseness,
  type IntegerModel,
  inferInteger,
  isIntegerFile,
  planFromGraph,
  prepareInteger,
  proveEquality,
  type QuantizedModel,
  type ReadModel,
  readIntegerFile,
  type SiteEquality,
  type WeightGrid,
  writeIntegerFile,
} from "./integer/index.ts";
export { type SiteError, SiteMeter } from "./measure.ts";
export { type Method, type Refinement, type Selection, type Tuning, withoutReconstruction } from "./method.ts";
export { isSeeded, type Need, needsOf } from "./methodParts.ts";
export {
  type EntropyMethodOptions,
  entropy,
  type InlierqOptions,
  inlierq,
  type MseOptions,
  methods,
  minmax,
  mse,
  type PercentileMethodOptions,
  percentile,
} from "./methods/index.ts";
export { type FilteredGlobalOptions, filteredGlobal } from "./objective/filteredGlobal.ts";
export { type FisherDampingOptions, fisherDiag, fisherFull } from "./objective/fisherDiag.ts";
export type { GlobalConstants, GlobalObjective, Predictions } from "./objective/global.ts";
export { type FisherForm, type FisherOptions, importanceOf } from "./objective/importance.ts";
export { inlierFisher } from "./objective/inlierFisher.ts";
export { type PredictionDifferenceOptions, predictionDifference } from "./objective/predictionDifference.ts";
export { type PseudoLabelOptions, pseudoLabels } from "./objective/pseudoLabels.ts";
export { averaged } from "./observer/averaged.ts";
export { entropy as entropyObserver, klDivergence } from "./observer/entropy.ts";
export { histogram } from "./observer/histogram.ts";
export { masked } from "./observer/masked.ts";
export { maxScale } from "./observer/maxScale.ts";
export { minmax as minmaxObserver } from "./observer/minmax.ts";
export { movingAverage } from "./observer/movingAverage.ts";
export { mse as mseObserver } from "./observer/mse.ts";
export type { Fold, Observer } from "./observer/observer.ts";
export { percentile as percentileObserver } from "./observer/percentile.ts";
export { outputSqnr } from "./outputSqnr.ts";
export { applySite, biasOf, emptyPlan, type Plan, type SitePlan, tapOf, weightOf, withLevels } from "./plan.ts";
export { additivePowerOfTwo } from "./quantizer/additivePowerOfTwo.ts";
export { type DsqOptions, dsq, softStaircase } from "./quantizer/dsq.ts";
export { encodeLevels, type LevelParams, type LevelQuantizer, levelAxis } from "./quantizer/levels.ts";
export { type LogAffineOptions, logAffine, refitScale, searchPhase } from "./quantizer/logAffine.ts";
export type { LogAffineMode, LogAffineParams } from "./quantizer/logAffineTables.ts";
export { type LsqOptions, lsq, lsqGrid } from "./quantizer/lsq.ts";
export { type PactOptions, type PactParams, pact, pactGrid, pactPenalty } from "./quantizer/pact.ts";
export { powerOfTwo } from "./quantizer/powerOfTwo.ts";
export type { Quantizer } from "./quantizer/quantizer.ts";
export { type Subset, searchSubset, subset } from "./quantizer/subset.ts";
export { uniformAffine } from "./quantizer/uniformAffine.ts";
export {
  boundedShelf,
  type Journal,
  type Kept,
  learningBytes,
  lossesOfDetections,
  memoryShelf,
  type Reconstruction,
  requireLearnable,
  type Shelf,
  type UnitEntry,
  type UnitRecord,
} from "./reconstruct/index.ts";
export {
  type CalibrationRecord,
  type CostRecord,
  type EqualizeRecord,
  type LayerRecord,
  type RangeRecord,
  RECORD_VERSION,
  type SiteRecord,
} from "./record.ts";
export { type GridOptions, gridRefiner, type Refined, type RefineProblem, type Refiner } from "./refine.ts";
export { type AdamRefinerOptions, adamRefiner } from "./refineAdam.ts";
export { saliency } from "./saliency.ts";
export { type SampleSource, someSamples } from "./samples.ts";
export { chooseQParams, formatScheme, type Mapping, makeScheme, parseScheme, type QParams, type Range, type Scheme } from "./scheme.ts";
export {
  type Budget,
  costText,
  type Damage,
  type DamageText,
  damageOf,
  damageText,
  type High,
  type Item,
  itemsOf,
  type Mode,
  modes,
  type Plans,
  type Promotion,
  type Proposal,
  parseBudget,
  type Ranked,
  type Ranking,
  type RankProblem,
  rank,
  rankSteps,
  rankWork,
  rulesOf,
  SENSITIVITY_VERSION,
  type SensitivityItem,
  type SensitivityRecord,
  type Spending,
  sensitivityItems,
  spend,
  startingCost,
} from "./sensitivity/index.ts";
export { sqnr } from "./sqnr.ts";
export { type Progress, type Stage, type StepOptions, Steps } from "./steps.ts";
export { type Spread, SWEEP_VERSION, type SweepRecord, type SweepRow } from "./sweepRecord.ts";
export { type Tuned, type TuneProblem, type TuningRecord, tuneMethod, tuneStages } from "./tune.ts";
