import { Graph, type Layer, liveNodes, type Node } from "../../graph/index.ts";
import { clamp, type FakeQuantAttrs, fakeQuant, maximum, minimum, roundHalfEven, type Tensor } from "../../tensor/index.ts";
import type { Plan, SitePlan } from "../plan.ts";
import { makeScheme, type Scheme } from "../scheme.ts";
import { readersOf } from "./activation.ts";

/** The grid a file keeps a weight's codes on. */
export interface WeightGrid {
  /** Weight units per code: [1] or [C]. */
  readonly scale: Tensor;
  /** The code of 0, of the same shape. */
  readonly zeroPoint: Tensor;
  /** The lowest code. */
  readonly qmin: number;
  /** The highest code. */
  readonly qmax: number;
  /** The axis the scale runs along; null for one scale. */
  readonly axis: number | null;
}

/** The smallest number format whose codes include [qmin, qmax]. */
function schemeOf(qmin: number, qmax: number, axis: number | null): Scheme {
  const signed = qmin < 0;
  let bits = 2;
  while (signed ? qmin < -(2 ** (bits - 1)) || qmax > 2 ** (bits - 1) - 1 : qmax > 2 ** bits - 1) bits++;
  return { ...makeScheme({ bits: bits > 8 ? 16 : bits, signed, axis }), qmin, qmax };
}

/** One fakeQuant and the idle clips before it, which cut only what the codes would cut. */
interface Fold {
  readonly source: string;
  readonly site: SitePlan;
  readonly nodes: readonly Node[];
}

/** The bound of a clip in real values, one per channel or one; undefined where the node is no clip. */
function boundsOf(graph: Graph, node: Node): { low?: ArrayLike<number>; high?: ArrayLike<number> } | undefined {
  if (node.op === clamp.def) {
    const { min, max } = node.attrs as { min: number; max: number };
    return { low: [min], high: [max] };
  }
  const constant = node.inputs.length === 2 ? graph.parameters.get(node.inputs[1]) : undefined;
  if (!constant) return undefined;
  if (node.op === maximum.def) return { low: constant.data };
  return node.op === minimum.def ? { high: constant.data } : undefined;
}

/** The code a bound falls on, where it is the same code in every channel; undefined where channels differ. */
function codeOfBound(bound: ArrayLike<number>, scale: Tensor, zeroPoint: Tensor, qmin: number, qmax: number): number | undefined {
  let found: number | undefined;
  for (let c = 0; c < scale.size; c++) {
    const steps = roundHalfEven(Math.fround(bound[bound.length === 1 ? 0 : c] / scale.data[c]));
    const code = Math.min(Math.max(steps + zeroPoint.data[c], qmin), qmax);
    if (found !== undefined && found !== code) return undefined;
    found = code;
  }
  return found;
}

function foldOf(
  graph: Graph,
  quantizer: Node,
  producers: ReadonlyMap<string, Node>,
  readers: ReadonlyMap<string, readonly Node[]>,
): Fold | undefined {
  const [scale, zeroPoint] = [graph.parameters.get(quantizer.inputs[1]), graph.parameters.get(quantizer.inputs[2])];
  if (!scale || !zeroPoint || graph.parameters.has(quantizer.inputs[0])) return undefined;
  let { qmin, qmax } = quantizer.attrs as FakeQuantAttrs;
  const { axis } = quantizer.attrs as FakeQuantAttrs;
  const nodes = [quantizer];
  let [source] = quantizer.inputs;
  for (;;) {
    const clip = producers.get(source);
    const bounds =
      clip && readers.get(source)?.length === 1 && !graph.outputs.some((p) => p.name === source) ? boundsOf(graph, clip) : undefined;
    const matching = (b: ArrayLike<number> | undefined) => b === undefined || b.length === 1 || b.length === scale.size;
    if (!clip || !bounds || !matching(bounds.low) || !matching(bounds.high)) break;
    const low = bounds.low ? codeOfBound(bounds.low, scale, zeroPoint, qmin, qmax) : qmin;
    const high = bounds.high ? codeOfBound(bounds.high, scale, zeroPoint, qmin, qmax) : qmax;
    if (low === undefined || high === undefined || low >= high) break;
    [qmin, qmax] = [low, high];
    nodes.push(clip);
    [source] = clip.inputs;
  }
  return { source, site: { params: { scale, zeroPoint }, scheme: schemeOf(qmin, qmax, axis) }, nodes };
}

/** The grid of a weight in the narrowest format that holds the codes it uses. */
function weightSite(weight: Tensor, { scale, zeroPoint, qmin, qmax, axis }: WeightGrid): SitePlan {
  const inner = axis === null ? weight.size : weight.shape.slice(axis + 1).reduce((a, d) => a * d, 1);
  let [low, high] = [Infinity, -Infinity];
  weight.data.forEach((w: number, i: number) => {
    const c = Math.floor(i / inner) % scale.size;
    const code = roundHalfEven(Math.fround(w / scale.data[c])) + zeroPoint.data[c];
    low = Math.min(low, code);
    high = Math.max(high, code);
  });
  for (const z of zeroPoint.data) [low, high] = [Math.min(low, z), Math.max(high, z)];
  const { bits, signed } = schemeOf(Math.max(qmin, Math.min(low, 0)), Math.min(qmax, Math.max(high, 1)), axis);
  return { params: { scale, zeroPoint }, scheme: makeScheme({ bits: bits > 8 ? 16 : bits, signed: signed || qmin < 0, axis }) };
}

/**
 * The inverse of a quantized export: a graph whose layers read fakeQuant nodes becomes the float graph under a plan that
 * computes the same. Layers whose input or weight has no grid stay in float, as they were.
 */
export function planFromGraph(graph: Graph, weightGrids: ReadonlyMap<string, WeightGrid>): { graph: Graph; plan: Plan } {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = readersOf(graph);
  const layers = new Map<string, Layer>();
  const folds = new Map<string, Fold>();
  for (const layer of graph.layers) {
    const quantizer = producers.get(layer.input);
    const fold = quantizer?.op === fakeQuant.def ? foldOf(graph, quantizer, producers, readers) : undefined;
    if (!fold || !weightGrids.has(layer.weight)) continue;
    // One tensor has one grid in a plan: a second one stays a node.
    const known = [...folds.values()].find((f) => f.source === fold.source);
    if (known && known.nodes[0] !== fold.nodes[0]) continue;
    layers.set(layer.name, layer);
    folds.set(layer.input, fold);
  }
  const nodes = graph.nodes.map((node) => {
    const layer = layers.get(node.name);
    const source = layer && folds.get(layer.input)?.source;
    return source === undefined ? node : { ...node, inputs: [source, ...node.inputs.slice(1)] };
  });
  const live = liveParts(graph, nodes);
  const plan: Plan = {
    layers: new Set(layers.keys()),
    activations: new Map([...folds.values()].map(({ source, site }) => [source, site])),
    weights: new Map(
      [...layers.values()].map(({ weight }) => [weight, weightSite(graph.parameters.get(weight)!, weightGrids.get(weight)!)]),
    ),
    biases: new Map(),
    tuned: new Map(),
  };
  return { graph: live, plan };
}

/** The graph without the nodes and parameters nobody needs any more. */
function liveParts({ name, inputs, outputs, parameters, statistics }: Graph, nodes: readonly Node[]): Graph {
  const live = liveNodes(
    nodes,
    outputs.map((p) => p.name),
  );
  const used = new Set(live.flatMap((node) => node.inputs));
  const kept = new Map([...parameters].filter(([key]) => used.has(key)));
  return new Graph({ name, inputs, outputs, nodes: live, parameters: kept, statistics });
}
