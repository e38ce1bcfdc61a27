import type { Prediction } from "../detect/index.ts";
import type { Graph } from "../graph/index.ts";
import {
  type IntegerModel,
  inferInteger,
  isIntegerFile,
  type Plan,
  planFromGraph,
  prepareInteger,
  readIntegerFile,
  writeIntegerFile,
} from "../quant/index.ts";
import { type LoadedModel, loadModel } from "./model.ts";
import type { QuantizeResult } from "./quantize.ts";
import type { Samples } from "./samples.ts";
import { type ModelFiles, readGraph, storedGrids } from "./source.ts";

/** A quantized detector, ready to run in integers. */
export interface IntegerDetector {
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly integer: IntegerModel;
  /** Method, scheme and whatever else the file says about itself. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A quantized network as a file holds it; `card` is undefined where the file has none. */
export interface QuantizedFile extends Pick<IntegerDetector, "plan" | "metadata"> {
  readonly graph: Graph;
  readonly card: unknown;
}

/**
 * Reads an integer file, or a quantized ONNX export of ours. Layers that are not quantized stay in float, so a float ONNX
 * file comes back with an empty plan.
 *
 * Errors: ArgumentError for a file that is refused.
 */
export function readQuantized(model: Uint8Array | ModelFiles, name: string): QuantizedFile {
  const bytes = model instanceof Uint8Array ? model : model.bytes;
  if (!isIntegerFile(bytes)) {
    return { ...planFromGraph(readGraph(model, { name }), storedGrids(bytes, name)), card: undefined, metadata: {} };
  }
  const { graph, plan, card, metadata } = readIntegerFile(bytes, name);
  return { graph, plan, card: card ?? undefined, metadata };
}

/**
 * Reads a quantized detector and prepares it to run in integers. The card is the given one, else the file's, else a
 * preset's.
 *
 * Errors: ArgumentError for a file that is refused, or a detector nobody knows.
 */
export function loadInteger(model: Uint8Array | ModelFiles, name: string, card?: unknown): IntegerDetector {
  const file = readQuantized(model, name);
  const loaded = loadModel(file.graph, name, card ?? file.card);
  return { model: loaded, plan: file.plan, metadata: file.metadata, integer: prepareInteger(file.graph, file.plan) };
}

/** Detections on one sample, in pixels of its picture. */
export function detectInteger({ model, integer }: IntegerDetector, samples: Samples, index: number): Prediction[] {
  return samples.toPicture(index, model.detector.decode(inferInteger(integer, samples.tensor(index)))[0]);
}

/** The compact file of a finished job: weights at their true width, the detector card with them. */
export function integerFileOf({ name, model, plan, record }: QuantizeResult): Uint8Array {
  const { method, scheme, policy, seed, versions } = record;
  const metadata = { model: name, method, scheme, policy, seed: String(seed), version: versions.inlierq };
  return writeIntegerFile({ graph: model.graph, plan, card: model.card, metadata });
}
