import { record } from "../autograd/index.ts";
import type { Detector, Heads } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";
import type { Graph } from "../graph/index.ts";
import { type TopKNllOptions, tapFrom, topKNll } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** A detector whose network is a graph, so that its tensors have names. */
export interface GraphDetector {
  readonly graph: Graph;
  readonly detector: Detector;
}

/** The saliency loss, InlierQ eq. 7. */
export interface SaliencyLoss {
  /** K: heatmap entries per class; default the detector's cap on detections. */
  readonly topK: number;
  readonly mode: NonNullable<TopKNllOptions["mode"]>;
}

/** One full-precision forward: chosen tensors, and with a loss their gradients. */
export interface FpRun {
  readonly heads: Heads;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Absent where the loss does not depend on the tensor. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  readonly loss: number | undefined;
}

/** Runs the float model on one sample and keeps the named tensors. */
export function runFloat({ graph }: GraphDetector, x: Tensor, names: ReadonlySet<string>): FpRun {
  const tensors = new Map<string, Tensor>();
  const heads = graph.forward(x, watching(names, tensors));
  return { heads, tensors, gradients: new Map(), loss: undefined };
}

/**
 * As `runFloat`, with the gradient of the saliency loss at every named tensor from one backward pass
 * (InlierQ Algorithm 1, lines 2-3).
 *
 * Errors: ArgumentError naming the tensor and sample where a gradient is not finite.
 */
export function runWithGradients(model: GraphDetector, x: Tensor, names: ReadonlySet<string>, loss: SaliencyLoss, sample: string): FpRun {
  const tensors = new Map<string, Tensor>();
  const { value, tape } = record(() => {
    const heads = model.graph.forward(x, watching(names, tensors));
    return { heads, loss: topKNll(model.detector.logScores(heads), loss) };
  });
  const list = [...tensors];
  const found = tape.vjp(
    value.loss,
    list.map(([, t]) => t),
  );
  const gradients = new Map<string, Tensor>();
  found.forEach((g, i) => {
    if (!g) return;
    requireFinite(g, list[i][0], sample);
    gradients.set(list[i][0], g);
  });
  return { heads: value.heads, tensors, gradients, loss: value.loss.data[0] };
}

function watching(names: ReadonlySet<string>, into: Map<string, Tensor>) {
  return tapFrom((path, slot, x) => {
    if (slot === "output" && names.has(path)) into.set(path, x);
    return x;
  });
}

function requireFinite(g: Tensor, tensor: string, sample: string): void {
  const data = g.data;
  // 0 times anything finite is 0, so one sum tells whether there is something to look for.
  let poison = 0;
  for (let i = 0; i < data.length; i++) poison += 0 * data[i];
  if (poison === 0) return;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new ArgumentError("saliency", `gradients must be finite, got ${data[i]} at tensor "${tensor}" (sample "${sample}")`);
  }
}
