import { type Card, type Detector, detectorFrom, type Heads, parseCard } from "../../src/detect/index.ts";
import { assembleGraph, type Graph, type Node, traceGraph } from "../../src/graph/index.ts";
import { identityTap, type Module, type Tap } from "../../src/nn/index.ts";
import type { GraphDetector } from "../../src/quant/index.ts";
import { add, conv2d, mul, ones, Rng, randn, relu, sigmoid, type Tensor, zeros } from "../../src/tensor/index.ts";

/** A two-branch detector of four layers, one of them depthwise: small enough for properties. */
class Tiny implements Module<Heads> {
  readonly stemWeight: Tensor;
  readonly stemBias: Tensor;
  readonly depthwiseWeight: Tensor;
  readonly depthwiseBias: Tensor;
  readonly heatWeight: Tensor;
  readonly heatBias: Tensor;
  readonly sizeWeight: Tensor;
  readonly sizeBias: Tensor;

  constructor(rng: Rng) {
    this.stemWeight = randn([6, 3, 3, 3], rng, 0.4);
    this.stemBias = randn([6], rng, 0.1);
    this.depthwiseWeight = randn([6, 1, 3, 3], rng, 0.5);
    this.depthwiseBias = randn([6], rng, 0.1);
    this.heatWeight = randn([2, 6, 1, 1], rng, 0.6);
    this.heatBias = randn([2], rng, 0.1);
    this.sizeWeight = randn([2, 6, 1, 1], rng, 0.3);
    this.sizeBias = randn([2], rng, 0.1);
  }

  forward(x: Tensor, tap: Tap = identityTap): Heads {
    const layer = (name: string, from: Tensor, weight: Tensor, bias: Tensor, options: object) => {
      const at = tap.at(name);
      return at("output", conv2d(at("input", from), at("weight", weight), { bias: at("bias", bias), ...options }));
    };
    const stem = relu(layer("stem", x, this.stemWeight, this.stemBias, { stride: 2, padding: 1 }));
    const body = relu(layer("depthwise", stem, this.depthwiseWeight, this.depthwiseBias, { padding: 1, groups: 6 }));
    return {
      heatmap: sigmoid(layer("heat", body, this.heatWeight, this.heatBias, {})),
      size: layer("size", body, this.sizeWeight, this.sizeBias, {}),
    };
  }
}

const CARD = {
  version: 1,
  name: "tiny",
  format: "centernet",
  input: {
    width: 16,
    height: 16,
    layout: "NCHW",
    color: "RGB",
    resize: "stretch",
    anchor: "topLeft",
    fill: 0,
    mean: [0, 0, 0],
    std: [255, 255, 255],
  },
  classes: ["a", "b"],
  outputs: { heatmap: "heatmap", size: "size" },
  scoreThreshold: 0.01,
  visibleThreshold: 0.3,
  nmsIou: 0.5,
  maxDetections: 5,
  head: ["heat", "size"],
  predictions: ["heat", "size"],
};

/** The tiny detector as a graph with its card. */
export function tinyDetector(seed: number): GraphDetector & { readonly card: Card } {
  const graph: Graph = traceGraph(new Tiny(new Rng(seed)), zeros([1, 3, 16, 16]), { name: "tiny" });
  const card = parseCard(CARD);
  return { graph, card, detector: detectorFrom(graph, card) };
}

/**
 * The tiny detector with two inputs more: a depth map that a convolution of its own reads, and factors of the sizes. Its
 * card states the factors.
 */
export function tinyPair(seed: number): { readonly graph: Graph; readonly card: Card; readonly detector: Detector } {
  const { graph: one, card } = tinyDetector(seed);
  const rng = new Rng(`pair/${seed}`);
  const [stem, ...rest] = one.nodes;
  const port = (name: string, shape: number[]) => ({ name, shape, dtype: "f32" }) as const;
  const nodes: Node[] = [
    { ...stem, outputs: ["fromImage"] },
    { ...stem, name: "deep", inputs: ["depth", "deep.weight", "deep.bias"], outputs: ["fromDepth"] },
    { name: "join", op: add.def, attrs: {}, inputs: ["fromImage", "fromDepth"], outputs: stem.outputs },
    ...rest.map((node) => (node.outputs[0] === "size" ? { ...node, outputs: ["plainSize"] } : node)),
    { name: "scaled", op: mul.def, attrs: {}, inputs: ["plainSize", "factors"], outputs: ["size"] },
  ];
  const parameters = new Map([...one.parameters, ["deep.weight", randn([6, 1, 3, 3], rng, 0.5)], ["deep.bias", randn([6], rng, 0.1)]]);
  const inputs = [...one.inputs, port("depth", [-1, 1, 16, 16]), port("factors", [1, 2, 1, 1])];
  const graph = assembleGraph({ name: "pair", inputs, outputs: one.outputs, nodes, parameters });
  const full = parseCard({ ...card, constants: { factors: [1, 1] } });
  return { graph, card: full, detector: detectorFrom(graph, full) };
}

/** Seeded inputs of the pair. */
export function tinyPairInput(seed: number): Record<string, Tensor> {
  const rng = new Rng(seed);
  const map = (channels: number): Tensor => sigmoid(randn([1, channels, 16, 16], rng));
  return { input: map(3), depth: map(1), factors: ones([1, 2, 1, 1]) };
}

/** Seeded inputs in [0, 1]. */
export function tinySamples(seed: number, count: number): { names: string[]; input(i: number): Tensor } {
  const rng = new Rng(seed);
  const list = Array.from({ length: count }, () => sigmoid(randn([1, 3, 16, 16], rng)));
  return { names: list.map((_, i) => `s${i}`), input: (i) => list[i] };
}
