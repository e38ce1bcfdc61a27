export { METHOD_NAMES, parseConfig, type QuantizeConfig, quantizeConfig } from "./config.ts";
export type { Estimate } from "./estimate.ts";
export { type Detections, detectAll, type EvaluateOptions, type EvaluateResult, evaluate, type Scores, score } from "./evaluate.ts";
export { type Gate, type GateOutcome, parseGate } from "./gate.ts";
export { type Inspection, inspect } from "./inspect.ts";
export { detectInteger, type IntegerDetector, integerFileOf, loadInteger, type QuantizedFile, readQuantized } from "./integer.ts";
export { type BareModel, type LoadedModel, loadModel, loadNetwork } from "./model.ts";
export { type QuantizeOptions, type QuantizeResult, quantize, type SampleDetections } from "./quantize.ts";
export { collect, type PictureSample, type Sample, Samples, type TensorSample, tensorSamples } from "./samples.ts";
