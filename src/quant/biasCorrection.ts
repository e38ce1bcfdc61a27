import { type Graph, type GraphInput, type Layer, runNode } from "../graph/index.ts";
import { itemBytes, sizeOf, Tensor } from "../tensor/index.ts";
import { emplace } from "./emplace.ts";
import { biasOf, type Plan, tapOf } from "./plan.ts";
import { volumesOf } from "./volumes.ts";

/** Mean float pre-activation per output channel of every layer, over two halves of the samples. */
export class ChannelMeans {
  readonly #sums = new Map<string, [Float64Array, Float64Array]>();
  readonly #counts = new Map<string, [number, number]>();

  /** Adds the output of a layer on sample number `index`; even and odd samples go to different halves. */
  add(layer: string, y: Tensor, index: number): void {
    const { count, channels, channelStride, positionStride } = volumesOf(y.shape);
    const half = index % 2;
    const sums = emplace<string, [Float64Array, Float64Array]>(this.#sums, layer, () => [
      new Float64Array(channels),
      new Float64Array(channels),
    ]);
    const counts = emplace(this.#counts, layer, () => [0, 0]);
    counts[half] += count;
    const into = sums[half];
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let p = 0; p < count; p++) sum += y.data[c * channelStride + p * positionStride];
      into[c] += sum;
    }
  }

  /** Mean per channel over one half; undefined where that half saw nothing. */
  mean(layer: string, half: 0 | 1): Float64Array | undefined {
    const count = this.#counts.get(layer)?.[half] ?? 0;
    return count > 0 ? this.#sums.get(layer)?.[half].map((s) => s / count) : undefined;
  }

  /** Mean per channel over both halves; undefined where nothing was seen. */
  overall(layer: string): Float64Array | undefined {
    const sums = this.#sums.get(layer);
    const counts = this.#counts.get(layer);
    return sums && counts && sums[0].map((s, c) => (s + sums[1][c]) / (counts[0] + counts[1]));
  }
}

/** Bytes of tensors that are alive together in one forward, at most. */
export function liveBytes(graph: Graph): number {
  const bytesOf = (name: string): number => {
    const meta = graph.metas.get(name);
    return meta && !graph.parameters.has(name) ? itemBytes(meta.dtype) * sizeOf(meta.shape) : 0;
  };
  let alive = graph.inputs.reduce((sum, { name }) => sum + bytesOf(name), 0);
  let most = alive;
  graph.nodes.forEach(({ outputs }, i) => {
    for (const name of outputs) alive += bytesOf(name);
    most = Math.max(most, alive);
    for (const name of graph.dyingAfter(i)) alive -= bytesOf(name);
  });
  return most;
}

/** What correction did to one layer. Errors are mean squared mean-shifts over channels, on the samples held out. */
export interface BiasCorrection {
  readonly layer: string;
  /** Error of the layer's output without the correction. */
  readonly before: number;
  /** The same with it. */
  readonly after: number;
  /** Whether the correction was kept. */
  readonly kept: boolean;
}

export interface BiasCorrectionResult {
  readonly plan: Plan;
  readonly corrections: readonly BiasCorrection[];
}

/**
 * Sequential empirical bias correction of what rounded weights shift: in execution order, each quantized
 * layer's bias is lowered by the mean shift of its output against the float model over all samples,
 * measured with every earlier correction in place and activations left in float. What activation grids
 * add is no shift of the mean but clipping in few places, and correcting for it moves all others
 * (docs/decisions/005). A layer is corrected where the shift of the even samples lowers the error on the
 * odd ones (on the same ones when there is a single sample).
 *
 * All samples advance together, node by node, so the cost is one forward per sample. `pause` is awaited
 * between nodes. Layers without a bias are left alone.
 *
 * Source: Nagel et al. 2019 (DFQ), section 4.2; the held-out check is ours.
 */
export async function correctBiases(
  graph: Graph,
  plan: Plan,
  float: ChannelMeans,
  samples: Iterable<GraphInput>,
  pause: (done: number, total: number) => Promise<void>,
): Promise<BiasCorrectionResult> {
  const biases = new Map(plan.biases);
  const corrections: BiasCorrection[] = [];
  const tap = tapOf(graph, { ...plan, activations: new Map() });
  const states = Array.from(samples, (x) => graph.begin(x, tap));
  for (let i = 0; i < graph.nodes.length; i++) {
    const node = graph.nodes[i];
    const layer = graph.layerOf(node);
    for (const env of states) runNode(graph, node, env, tap);
    if (layer && plan.layers.has(layer.name) && biasOf(graph, plan, layer)) {
      const found = correctLayer(graph, plan, layer, float, states);
      if (found) {
        corrections.push(found.correction);
        if (found.bias) biases.set(layer.name, found.bias);
      }
    }
    for (const env of states) for (const name of graph.dyingAfter(i)) env.delete(name);
    await pause(i + 1, graph.nodes.length);
  }
  return { plan: { ...plan, biases }, corrections };
}

function correctLayer(graph: Graph, plan: Plan, layer: Layer, float: ChannelMeans, states: readonly Map<string, Tensor>[]) {
  const quantized = new ChannelMeans();
  states.forEach((env, i) => quantized.add(layer.name, env.get(layer.output) as Tensor, i));
  const [even, odd] = [
    difference(quantized.mean(layer.name, 0), float.mean(layer.name, 0)),
    difference(quantized.mean(layer.name, 1), float.mean(layer.name, 1)),
  ];
  const shift = difference(quantized.overall(layer.name), float.overall(layer.name));
  if (!even || !shift) return undefined;
  const held = odd ?? even;
  const before = meanSquare(held);
  const after = meanSquare(held.map((d, c) => d - even[c]));
  const correction: BiasCorrection = { layer: layer.name, before, after, kept: after < before };
  if (!correction.kept) return { correction, bias: undefined };
  const old = biasOf(graph, plan, layer) as Tensor;
  const bias = new Tensor(
    old.shape,
    "f32",
    Float32Array.from(old.data as Float32Array, (b, c) => b - shift[c]),
  );
  for (const env of states) env.set(layer.output, shifted(env.get(layer.output) as Tensor, shift));
  return { correction, bias };
}

/** a - b per channel; undefined where one is not known. */
export const difference = (a: Float64Array | undefined, b: Float64Array | undefined): Float64Array | undefined =>
  a && b && a.map((v, c) => v - b[c]);

const meanSquare = (values: Float64Array): number => values.reduce((a, v) => a + v * v, 0) / values.length;

/** y - shift per channel: the output under the corrected bias. */
export function shifted(y: Tensor, shift: Float64Array): Tensor {
  const { count, channels, channelStride, positionStride } = volumesOf(y.shape);
  const data = Float32Array.from(y.data as Float32Array);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < count; p++) data[c * channelStride + p * positionStride] -= shift[c];
  }
  return new Tensor(y.shape, "f32", data);
}
