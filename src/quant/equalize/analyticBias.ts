import type { Graph, Layer } from "../../graph/index.ts";
import { type AnyOp, clamp, relu, relu6, Tensor } from "../../tensor/index.ts";
import { applySite, biasOf, type Plan, weightOf } from "../plan.ts";
import type { PreActivations } from "./absorbBias.ts";
import { weightChannels } from "./channels.ts";
import { clippedMean } from "./normal.ts";

/** The limit of an activation max(0, ...) below it; undefined for any other op. */
const LIMITS: ReadonlyMap<AnyOp, (attrs: unknown) => number | undefined> = new Map<AnyOp, (attrs: unknown) => number | undefined>([
  [relu.def, () => Infinity],
  [relu6.def, () => 6],
  [
    clamp.def,
    (attrs) => {
      const { min, max } = attrs as { readonly min: number; readonly max: number };
      return min === 0 ? max : undefined;
    },
  ],
]);

/**
 * Expected value of every channel of a tensor: its own mean where statistics have it, else that of the normal
 * distribution before a ReLU or a clip at 0. Undefined where neither is known. Shape: [C].
 */
export function expectedChannels(graph: Graph, statistics: PreActivations, tensor: string): Float64Array | undefined {
  const own = statistics.get(tensor);
  if (own) return own.mean;
  const node = graph.nodes.find((n) => n.outputs.includes(tensor));
  const limit = node && LIMITS.get(node.op)?.(node.attrs);
  const before = node && statistics.get(node.inputs[0]);
  if (limit === undefined || !before) return undefined;
  return before.mean.map((mean, c) => clippedMean(mean, before.deviation[c], limit));
}

/**
 * Analytic bias correction: every quantized layer's bias is lowered by what rounding its weights adds to the mean of its
 * output, sum over inputs of (rounded weight - weight) E[x]. No data but the statistics is needed. Layers without a bias,
 * or whose input is not known, are left alone.
 *
 * Source: Nagel et al. 2019 (DFQ), section 4.2.1 and appendix C; borders count as if they were not padded.
 */
export function analyticBiasCorrection(graph: Graph, plan: Plan, statistics: PreActivations): Plan {
  const biases = new Map(plan.biases);
  for (const layer of graph.layers) {
    const bias = plan.layers.has(layer.name) ? biasOf(graph, plan, layer) : undefined;
    const expected = bias && expectedChannels(graph, statistics, layer.input);
    const shift = expected && meanShift(graph, plan, layer, expected);
    if (!bias || !shift) continue;
    biases.set(
      layer.name,
      new Tensor(
        bias.shape,
        "f32",
        Float32Array.from(bias.data as Float32Array, (b, c) => b - shift[c]),
      ),
    );
  }
  return { ...plan, biases };
}

/** What rounding the weights adds to the mean of every output channel. */
function meanShift(graph: Graph, plan: Plan, layer: Layer, expected: Float64Array): Float64Array | undefined {
  const site = plan.weights.get(layer.weight);
  if (!site) return undefined;
  const exact = graph.parameters.get(layer.weight) as Tensor;
  const rounded = applySite(weightOf(graph, plan, layer), site);
  const { outputs, inputOf, outputOf } = weightChannels(layer, exact.shape);
  const shift = new Float64Array(outputs);
  for (let i = 0; i < exact.size; i++) shift[outputOf(i)] += (rounded.data[i] - exact.data[i]) * expected[inputOf(i)];
  return shift;
}
