/** Schemes, observers, objectives, methods and the driver that calibrates; plans, records, and models in integers. */

export { type ActivationSite, type Assignment, type AssignOptions, assign, type LayerPolicy, policies } from "./assign.ts";
export { type BiasCodes, quantizeBias } from "./bias.ts";
export { type BiasCorrection, liveBytes } from "./biasCorrection.ts";
export { type CalibrateOptions, type Calibration, calibrate, stagesOf } from "./calibrate.ts";
export {
  COMPARISON_VERSION,
  type ComparisonRecord,
  type LayerDifference,
  type PictureDifference,
  parseComparison,
  type TensorDifference,
} from "./comparisonRecord.ts";
export { type FpRun, floatRuns, type GraphDetector, type GraphModel, gradientRuns, type SaliencyLoss } from "./evidence.ts";
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
export type { Method, Refinement, Selection } from "./method.ts";
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
export { applySite, biasOf, emptyPlan, type Plan, type SitePlan, tapOf, weightOf } from "./plan.ts";
export type { Quantizer } from "./quantizer/quantizer.ts";
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
export { type CalibrationRecord, type LayerRecord, type RangeRecord, RECORD_VERSION, type SiteRecord } from "./record.ts";
export { type GridOptions, gridRefiner, type Refined, type RefineProblem, type Refiner } from "./refine.ts";
export { type AdamRefinerOptions, adamRefiner } from "./refineAdam.ts";
export { saliency } from "./saliency.ts";
export { chooseQParams, formatScheme, type Mapping, makeScheme, parseScheme, type QParams, type Range, type Scheme } from "./scheme.ts";
export { sqnr } from "./sqnr.ts";
export type { SampleSource } from "./statistics.ts";
export { type Progress, type Stage, type StepOptions, Steps } from "./steps.ts";
