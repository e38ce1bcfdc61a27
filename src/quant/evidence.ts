import { compileViews, record } from "../autograd/index.ts";
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

/** One full-precision forward: chosen tensors, and with a loss their gradients. All values hold until the next run. */
export interface FpRun {
  readonly heads: Heads;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Absent where the loss does not depend on the tensor. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  readonly loss: number | undefined;
}

/** The float model on one sample after the other, with the named tensors kept. */
export function floatRuns({ graph }: GraphDetector, names: ReadonlySet<string>): (x: Tensor) => FpRun {
  const run = compileViews((x) => {
    const tensors = new Map<string, Tensor>();
    const heads = graph.forward(x, watching(names, tensors));
    return { heads, tensors: Object.fromEntries(tensors) };
  });
  return (x) => {
    const { heads, tensors } = run(x);
    return { heads, tensors: new Map(Object.entries(tensors)), gradients: new Map(), loss: undefined };
  };
}

/**
 * As `floatRuns`, with the gradient of the saliency loss at every named tensor from one backward pass
 * (InlierQ Algorithm 1, lines 2-3).
 *
 * Errors: ArgumentError naming the tensor and sample where a gradient is not finite.
 */
export function gradientRuns(model: GraphDetector, names: ReadonlySet<string>, loss: SaliencyLoss): (x: Tensor, sample: string) => FpRun {
  const run = uncheckedRuns(model, names, loss);
  return (x, sample) => {
    const found = run(x);
    for (const [name, g] of found.gradients) requireFinite(g, g, name, sample);
    return found;
  };
}

/** As `gradientRuns`, for callers that look at the gradients themselves and see what is not finite. */
export function uncheckedRuns(model: GraphDetector, names: ReadonlySet<string>, loss: SaliencyLoss): (x: Tensor) => FpRun {
  const run = compileViews((x) => withGradients(model, x, names, loss));
  return (x) => {
    const found = run(x);
    const [tensors, gradients] = [found.tensors, found.gradients].map((record) => new Map(Object.entries(record)));
    return { heads: found.heads, tensors, gradients, loss: found.loss.data[0] };
  };
}

function withGradients(model: GraphDetector, x: Tensor, names: ReadonlySet<string>, loss: SaliencyLoss) {
  const tensors = new Map<string, Tensor>();
  const { value, tape } = record(() => {
    const heads = model.graph.forward(x, watching(names, tensors));
    return { heads, loss: topKNll(model.detector.logScores(heads), loss) };
  });
  const found = tape.vjp(value.loss, [...tensors.values()]);
  const gradients = [...tensors.keys()].flatMap((name, i) => (found[i] ? [[name, found[i]] as const] : []));
  return { ...value, tensors: Object.fromEntries(tensors), gradients: Object.fromEntries(gradients) };
}

function watching(names: ReadonlySet<string>, into: Map<string, Tensor>) {
  return tapFrom((path, slot, x) => {
    if (slot === "output" && names.has(path)) into.set(path, x);
    return x;
  });
}

/**
 * Fails where a gradient is not finite. `sums` is the gradient, or sums of its magnitudes: they show whether there is
 * something to look for.
 */
export function requireFinite(g: Tensor, sums: Tensor, tensor: string, sample: string): void {
  if (allFinite(sums.data as Float32Array)) return;
  const { data } = g;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new ArgumentError("saliency", `gradients must be finite, got ${data[i]} at tensor "${tensor}" (sample "${sample}")`);
  }
}

/** 0 times anything finite is 0, so one sum tells. */
function allFinite(data: Float32Array): boolean {
  let poison = 0;
  for (let i = 0; i < data.length; i++) poison += 0 * data[i];
  return poison === 0;
}
