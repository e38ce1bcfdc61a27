import { StateError } from "../../errors.ts";
import { damageOf, emptyPlan, type Plan, type StepOptions, Steps, someSamples } from "../../quant/index.ts";
import { type Detections, detectAll, score } from "../evaluate.ts";
import type { BareModel, LoadedModel } from "../model.ts";
import { quantize } from "../quantize.ts";
import { portion } from "../ranking.ts";
import type { Sample, Samples } from "../samples.ts";
import type { SweepRun } from "./plan.ts";

/** What a run came to: plain data, so that it can be kept in a file. */
export interface RunResult {
  readonly id: string;
  /** COCO AP, AP at IoU 0.5 and Pascal VOC AP on the evaluation pictures, in [0, 1]; -1 without ground truth. */
  readonly AP: number;
  readonly AP50: number;
  readonly vocAp50: number;
  /** Relative error of the score map against float, on up to 32 evaluation pictures (see `damageOf`); 0 for float. */
  readonly scoreError: number;
  /** Wall time of quantization; null for float. */
  readonly seconds: number | null;
  /** Steps of every learned unit. */
  readonly steps: readonly number[];
  /** Bytes of the exported file; of the model's own files for float. */
  readonly bytes: number;
  readonly macsFraction: number;
  /** Share of the float detections on the calibration pictures kept. */
  readonly calibrationKept: number;
  readonly passed: boolean;
  /** Visible detections on the evaluation pictures. */
  readonly detections: Detections;
}

/** What runs are made of. */
export interface RunInputs {
  readonly model: LoadedModel;
  /** Of the model. */
  readonly name: string;
  /** Bytes of the model's files. */
  readonly bytes: number;
  /** Pictures with their boxes. */
  readonly evaluation: Samples;
  /** Pictures to calibrate on with a seed. */
  readonly calibration: readonly Sample[];
}

/** Pictures the score error is taken on: it needs the float network again on each. */
const SCORED = 32;

/** Share of a run that is quantization, as progress has it. */
const QUANTIZING = 0.9;

/**
 * Quantizes and scores on the evaluation pictures. Deterministic, but for the seconds.
 *
 * Errors: those of `quantize`; AbortError.
 */
export async function measureRun({ config, id }: SweepRun, inputs: RunInputs, options: StepOptions): Promise<RunResult> {
  const { model, name, evaluation, calibration } = inputs;
  if (!config) {
    const scores = await scored(inputs, model, emptyPlan, options);
    const whole = { macsFraction: 0, calibrationKept: 1, passed: true };
    return { id, ...scores, scoreError: 0, seconds: null, steps: [], bytes: inputs.bytes, ...whole };
  }
  const start = performance.now();
  const { card } = model;
  const samples = { samples: calibration, sampleCount: calibration.length };
  const result = await quantize(model.graph, { ...config, ...samples, card, name, ...portion(options, 0, QUANTIZING) });
  const seconds = (performance.now() - start) / 1000;
  const { record, plan } = result;
  const quantized = requireDetector(result.model);
  const scores = await scored(inputs, quantized, plan, portion(options, QUANTIZING, 1));
  return {
    id,
    ...scores,
    scoreError: damageOf(quantized, someSamples(evaluation, SCORED), plan, card.visibleThreshold).scores,
    seconds,
    steps: record.units.map((u) => u.steps),
    bytes: result.onnx.length,
    macsFraction: record.macs.fraction,
    calibrationKept: record.detections?.keptShare ?? 0,
    passed: result.gate.passed,
  };
}

type Scored = Pick<RunResult, "AP" | "AP50" | "vocAp50" | "detections">;

async function scored({ evaluation }: RunInputs, model: LoadedModel, plan: Plan, options: StepOptions): Promise<Scored> {
  const steps = new Steps([{ name: "evaluate", steps: evaluation.names.length, work: 1 }], options);
  const all = await detectAll(model, plan, evaluation, (done) => steps.after("evaluate", done));
  const { coco, vocAp50 } = score(evaluation, all, model.card.classes);
  const detections = all.map((list) => list.filter((p) => p.score >= model.card.visibleThreshold));
  return { AP: coco.AP, AP50: coco.AP50, vocAp50, detections };
}

function requireDetector(model: LoadedModel | BareModel): LoadedModel {
  if (model.card) return model;
  throw new StateError("sweep", "a quantized detector must still have its card, got none");
}
