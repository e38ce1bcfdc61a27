import { compileViews, record } from "../autograd/index.ts";
import type { Detector, Heads } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";
import { type Graph, type GraphInput, type PerInput, perInput } from "../graph/index.ts";
import { type TopKNllOptions, tapFrom, topKNll } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { saliency } from "./saliency.ts";

/** A network to calibrate; `detector` is absent where nobody knows what its outputs mean. */
export interface GraphModel {
  /** The float network. */
  readonly graph: Graph;
  readonly detector?: Detector | undefined;
}

/** A detector whose network is a graph, so that its tensors have names. */
export interface GraphDetector extends GraphModel {
  readonly graph: Graph;
  readonly detector: Detector;
}

/** The saliency loss, InlierQ eq. 7. */
export interface SaliencyLoss extends Pick<TopKNllOptions, "minScore" | "targets"> {
  /** K: heatmap entries per class; "cap" takes the detector's cap on detections. */
  readonly topK: number | "cap";
  /** Whether the K largest entries are taken per class or over all classes. */
  readonly mode: NonNullable<TopKNllOptions["mode"]>;
  /** Whether only entries count that are the greatest of their 3 x 3 neighbourhood. Default false. */
  readonly peaks?: boolean;
}

/**
 * The loss of a detector's outputs, in ops only. Shape: heads as the detector has them, to [].
 *
 * Errors: ArgumentError where peaks are asked of a detector whose positions are no maps.
 */
export function saliencyLoss(detector: Detector, heads: Heads, { topK, peaks = false, ...rest }: SaliencyLoss): Tensor {
  const k = topK === "cap" ? detector.maxDetections : topK;
  const logScores = detector.logScores(heads);
  return topKNll(logScores, { ...rest, topK: k, ...(peaks && { peaksOf: mapsOf(detector, heads) }) });
}

function mapsOf(detector: Detector, heads: Heads): NonNullable<TopKNllOptions["peaksOf"]> {
  if (detector.maps) return detector.maps(heads);
  throw new ArgumentError("saliency", `peaks must be asked of a detector whose score map is a grid, got "${detector.name}", whose is none`);
}

/** One full-precision forward: chosen tensors, and with a loss what moves it. All values hold until the next run. */
export interface FpRun {
  /** The outputs of the network, by name. */
  readonly heads: Heads;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Absent where the loss does not depend on the tensor. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** Volume saliency (InlierQ eq. 9) where there is a gradient. */
  readonly saliency: ReadonlyMap<string, Tensor>;
  readonly loss: number | undefined;
}

/** The float model on one sample after the other, with the named tensors kept. Shape: x as the graph's input says. */
export function floatRuns({ graph }: GraphModel, names: ReadonlySet<string>): PerInput<FpRun> {
  const watched = (x: GraphInput) => {
    const tensors = new Map<string, Tensor>();
    const heads = graph.forward(x, watching(names, tensors));
    return { heads, tensors: Object.fromEntries(tensors) };
  };
  const run = perInput(graph, watched, compileViews);
  const float = (x: GraphInput): FpRun => {
    const { heads, tensors } = run(x);
    return { heads, tensors: new Map(Object.entries(tensors)), gradients: new Map(), saliency: new Map(), loss: undefined };
  };
  return Object.assign(float, { release: run.release });
}

/**
 * As `floatRuns`, with the saliency of every named tensor from one backward pass (InlierQ Algorithm 1, lines 2-3); values
 * only of the tensors in `seen`, gradients only of those in `kept` (default all): what nobody asks for takes no memory.
 *
 * Errors: ArgumentError naming the tensor and sample where a gradient is not finite.
 *
 * Shape: x as the graph's input says; saliency [N,h,w], gradients as their tensors.
 */
export function gradientRuns(
  model: GraphDetector,
  names: ReadonlySet<string>,
  loss: SaliencyLoss,
  { seen = names, kept = names }: { readonly seen?: ReadonlySet<string>; readonly kept?: ReadonlySet<string> } = {},
): { (x: GraphInput, sample: string): FpRun; release(): void } {
  const run = perInput(model.graph, (x) => withGradients(model, x, names, loss, { seen, kept }), compileViews);
  const float = (x: GraphInput, sample: string): FpRun => {
    const found = run(x);
    const [tensors, gradients, scores] = [found.tensors, found.gradients, found.scores].map((record) => new Map(Object.entries(record)));
    for (const [name, h] of scores) requireFinite(h, name, sample);
    return { heads: found.heads, tensors, gradients, saliency: scores, loss: found.loss.data[0] };
  };
  return Object.assign(float, { release: run.release });
}

/** Of which tensors the values and the gradients are given. */
interface Wanted {
  readonly seen: ReadonlySet<string>;
  readonly kept: ReadonlySet<string>;
}

function withGradients(model: GraphDetector, x: GraphInput, names: ReadonlySet<string>, loss: SaliencyLoss, wanted: Wanted) {
  const tensors = new Map<string, Tensor>();
  const { value, tape } = record(() => {
    const heads = model.graph.forward(x, watching(names, tensors));
    return { heads, loss: saliencyLoss(model.detector, heads, loss) };
  });
  const found = tape.vjp(value.loss, [...tensors.values()]);
  const all = [...tensors.keys()].flatMap((name, i) => (found[i] ? [[name, found[i]] as const] : []));
  const gradients = Object.fromEntries(all.filter(([name]) => wanted.kept.has(name)));
  const scores = Object.fromEntries(all.map(([name, g]) => [name, saliency(g)]));
  return { ...value, tensors: Object.fromEntries([...tensors].filter(([name]) => wanted.seen.has(name))), gradients, scores };
}

function watching(names: ReadonlySet<string>, into: Map<string, Tensor>) {
  return tapFrom((path, slot, x) => {
    if (slot === "output" && names.has(path)) into.set(path, x);
    return x;
  });
}

function requireFinite({ data }: Tensor, tensor: string, sample: string): void {
  if (allFinite(data as Float32Array)) return;
  const bad = data.find((h) => !Number.isFinite(h));
  throw new ArgumentError(
    "saliency",
    `gradients must be finite, got a sum of magnitudes of ${bad} at tensor "${tensor}" (sample "${sample}")`,
  );
}

/** 0 times anything finite is 0, so one sum tells. */
function allFinite(data: Float32Array): boolean {
  let poison = 0;
  for (let i = 0; i < data.length; i++) poison += 0 * data[i];
  return poison === 0;
}
