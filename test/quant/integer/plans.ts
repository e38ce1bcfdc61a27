import { Graph, type Layer, type Node } from "../../../src/graph/index.ts";
import { tapFrom } from "../../../src/nn/index.ts";
import { chooseQParams, type Mapping, makeScheme, type Plan, type Range, type Scheme, type SitePlan } from "../../../src/quant/index.ts";
import { conv2d, Rng, randn, relu, type Tensor, uniform } from "../../../src/tensor/index.ts";

/** How the tensors of a test network are quantized. */
export interface PlanOptions {
  readonly weightBits?: number;
  readonly activationBits?: number;
  readonly weightMapping?: Mapping;
  readonly signed?: boolean;
  /** One activation scale per channel where only depthwise layers read the tensor. Default true. */
  readonly perChannel?: boolean;
}

/** Smallest and largest value of a tensor, or of each index along an axis. */
export function rangeOf(x: Tensor, axis: number | null): Range {
  const count = axis === null ? 1 : x.shape[axis];
  const inner = axis === null ? 1 : x.shape.slice(axis + 1).reduce((a, d) => a * d, 1);
  const [min, max] = [new Float64Array(count).fill(Infinity), new Float64Array(count).fill(-Infinity)];
  for (let i = 0; i < x.size; i++) {
    const c = axis === null ? 0 : Math.floor(i / inner) % count;
    min[c] = Math.min(min[c], x.data[i]);
    max[c] = Math.max(max[c], x.data[i]);
  }
  return { min, max };
}

const siteOf = (x: Tensor, scheme: Scheme): SitePlan => ({ params: chooseQParams(rangeOf(x, scheme.axis), scheme).params, scheme });

/** Quantizes every layer of a graph that `quantized` keeps, with the ranges of one run on `x`. */
export function planOf(graph: Graph, x: Tensor, options: PlanOptions = {}, quantized: (layer: Layer) => boolean = () => true): Plan {
  const { weightBits = 8, activationBits = 8, weightMapping = "affine", signed = false, perChannel = true } = options;
  const layers = graph.layers.filter(quantized);
  const inputs = new Map<string, Tensor>();
  graph.forward(
    x,
    tapFrom((path, slot, value) => {
      if (slot === "output") inputs.set(path, value);
      return value;
    }),
  );
  const activations = new Map<string, SitePlan>();
  const weights = new Map<string, SitePlan>();
  for (const layer of layers) {
    const readers = layers.filter((l) => l.input === layer.input);
    const axis = perChannel && readers.every((l) => l.depthwise) ? 1 : null;
    activations.set(layer.input, siteOf(inputs.get(layer.input)!, makeScheme({ bits: activationBits, signed, axis })));
    const scheme = makeScheme({ bits: weightBits, mapping: weightMapping, signed: true, axis: layer.channelAxis });
    weights.set(layer.weight, siteOf(graph.parameters.get(layer.weight)!, scheme));
  }
  return { layers: new Set(layers.map((l) => l.name)), activations, weights, biases: new Map(), tuned: new Map() };
}

/** Sizes of a stack of 3x3 convolutions with a ReLU behind each. */
export interface StackSizes {
  readonly layers: number;
  readonly channels: number;
  readonly size: number;
  readonly batch: number;
}

/** A stack of convolutions and an input for it. */
export function convStack({ layers, channels, size, batch }: StackSizes): { graph: Graph; x: Tensor } {
  const rng = new Rng(7);
  const parameters = new Map<string, Tensor>();
  const nodes: Node[] = [];
  const attrs = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
  const spread = Math.sqrt(2 / (9 * channels));
  for (let i = 0; i < layers; i++) {
    parameters.set(`w${i}`, randn([channels, channels, 3, 3], rng, spread)).set(`b${i}`, randn([channels], rng, 0.1));
    nodes.push({ name: `conv${i}`, op: conv2d.def, attrs, inputs: [`x${i}`, `w${i}`, `b${i}`], outputs: [`y${i}`] });
    nodes.push({ name: `relu${i}`, op: relu.def, attrs: {}, inputs: [`y${i}`], outputs: [`x${i + 1}`] });
  }
  const port = (name: string) => ({ name, shape: [-1, channels, size, size], dtype: "f32" as const });
  const graph = new Graph({ name: "stack", inputs: [port("x0")], outputs: [port(`x${layers}`)], nodes, parameters });
  return { graph, x: uniform([batch, channels, size, size], rng) };
}
