import type { Prediction } from "../detect/index.ts";
import { importOnnx, weightGrids } from "../onnx/index.ts";
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

/** A quantized detector, ready to run in integers. */
export interface IntegerDetector {
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly integer: IntegerModel;
  /** Method, scheme and whatever else the file says about itself. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads an integer file, or a quantized ONNX export of ours, and prepares it to run in integers. The card is the given one,
 * else the file's, else a preset's. Layers that are not quantized stay in float: a float file runs as it is.
 *
 * Errors: ArgumentError for a file that is refused, or a detector nobody knows.
 */
export function loadInteger(bytes: Uint8Array, name: string, card?: unknown): IntegerDetector {
  const { graph, plan, metadata, ...file } = isIntegerFile(bytes) ? readIntegerFile(bytes, name) : readExport(bytes, name);
  const model = loadModel(graph, name, card ?? file.card ?? undefined);
  return { model, plan, metadata, integer: prepareInteger(graph, plan) };
}

function readExport(bytes: Uint8Array, name: string) {
  return { ...planFromGraph(importOnnx(bytes, { name }), weightGrids(bytes, name)), card: undefined, metadata: {} };
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
