import { compile } from "../autograd/index.ts";
import { type CocoStats, cocoAp, type Prediction, vocAp } from "../detect/index.ts";
import { type Graph, perInput } from "../graph/index.ts";
import { emptyPlan, type GraphDetector, type Plan, type StepOptions, Steps, tapOf } from "../quant/index.ts";
import { loadModel } from "./model.ts";
import { collect, type Sample, type Samples } from "./samples.ts";

/** Detections of every sample, in pixels of its picture. */
export type Detections = readonly (readonly Prediction[])[];

/** Runs a detector, quantized by `plan` or in float, over all samples. */
export async function detectAll(
  model: GraphDetector,
  plan: Plan,
  samples: Samples,
  after: (done: number) => Promise<void>,
): Promise<Detections> {
  const tap = tapOf(model.graph, plan);
  const forward = perInput(model.graph, (x) => model.graph.forward(x, tap), compile);
  const all: Prediction[][] = [];
  for (let i = 0; i < samples.names.length; i++) {
    all.push(samples.toPicture(i, model.detector.decode(forward(samples.input(i)))[0]));
    await after(i + 1);
  }
  forward.release();
  return all;
}

/** The 12 COCO numbers and the Pascal VOC AP at IoU 0.5 (every point), all in [0, 1]; -1 where there is no ground truth. */
export interface Scores {
  readonly coco: CocoStats;
  readonly vocAp50: number;
}

/** Scores detections against the samples' ground truth, over the classes that occur in it. */
export function score(samples: Samples, detections: Detections, classes: readonly string[]): Scores {
  const images = samples.list.map(({ truth = [] }, i) => ({ truth, predicted: detections[i] }));
  const { map } = vocAp(images, { classes: classes.length });
  return { coco: cocoAp(images, { classes: classes.length }).stats, vocAp50: Number.isNaN(map) ? -1 : map };
}

/** What `evaluate` takes beside the model. */
export interface EvaluateOptions extends StepOptions {
  /** Pictures with their boxes. */
  readonly samples: Iterable<Sample> | AsyncIterable<Sample>;
  /** Detector card for files no preset matches. */
  readonly card?: unknown;
  /** Name of the model in messages. Default "model". */
  readonly name?: string;
}

/** What `evaluate` gives: the scores, and what was found. */
export interface EvaluateResult extends Scores {
  /** One list a picture, in its pixels. */
  readonly detections: Detections;
}

/** Detects on annotated pictures and scores the result; float files and quantized exports alike. */
export async function evaluate(model: Uint8Array | Graph, options: EvaluateOptions): Promise<EvaluateResult> {
  const loaded = loadModel(model, options.name ?? "model", options.card);
  const samples = await collect(options.samples, Number.POSITIVE_INFINITY, loaded);
  const steps = new Steps([{ name: "evaluate", steps: samples.names.length, work: 1 }], options);
  const detections = await detectAll(loaded, emptyPlan, samples, (done) => steps.after("evaluate", done));
  return { detections, ...score(samples, detections, loaded.card.classes) };
}
