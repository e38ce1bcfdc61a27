/** The whole job in a few calls: read a detector, quantize it, score it. Nothing here needs Node. */

export { decodePicture, type Picture } from "./data/index.ts";
export { type Card, type Detector, type GroundTruth, matchPreset, type Prediction, parseCard } from "./detect/index.ts";
export { AbortError, ArgumentError, DTypeError, InlierqError, ShapeError, StateError } from "./errors.ts";
export {
  type CompareOptions,
  type CompareResult,
  compare,
  type EvaluateOptions,
  type EvaluateResult,
  evaluate,
  type Inspection,
  inspect,
  type QuantizeOptions,
  type QuantizeResult,
  quantize,
  type Sample,
  type SensitivityOptions,
  type SensitivityResult,
  sensitivity,
  tensorSamples,
} from "./job/index.ts";
export { exportOnnx, importOnnx } from "./onnx/index.ts";
export {
  type CalibrationRecord,
  type ComparisonRecord,
  entropy,
  type InlierqOptions,
  inlierq,
  type Method,
  minmax,
  mse,
  type Progress,
  percentile,
  type SensitivityRecord,
} from "./quant/index.ts";
export { VERSION } from "./version.ts";
