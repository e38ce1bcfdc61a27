import { Graph, type Node, type NormStatistics } from "../../../src/graph/index.ts";
import { tapFrom } from "../../../src/nn/index.ts";
import { findSeams } from "../../../src/quant/index.ts";
import {
  type AnyOp,
  add,
  avgPool2d,
  clamp,
  conv2d,
  type Draw,
  leakyRelu,
  matmul,
  maxPool2d,
  mean,
  mul,
  ones,
  prelu,
  Rng,
  randn,
  relu,
  relu6,
  rsqrt,
  sigmoid,
  square,
  sub,
  Tensor,
  uniform,
} from "../../../src/tensor/index.ts";

/** Builds a network node by node. */
export class Chain {
  readonly nodes: Node[] = [];
  readonly parameters = new Map<string, Tensor>();
  readonly shapes = new Map<string, readonly number[]>();
  readonly #input: readonly number[];

  constructor(input: readonly number[]) {
    this.#input = input;
    this.shapes.set("x", input);
  }

  add(name: string, op: AnyOp, inputs: readonly string[], attrs: unknown = {}): string {
    this.nodes.push({ name, op, attrs, inputs, outputs: [`${name}.out`] });
    const metas = inputs.map((i) => ({ shape: this.shapes.get(i)!, dtype: "f32" as const }));
    this.shapes.set(`${name}.out`, op.infer(metas, attrs)[0].shape);
    return `${name}.out`;
  }

  parameter(name: string, value: Tensor): string {
    this.parameters.set(name, value);
    this.shapes.set(name, value.shape);
    return name;
  }

  /** A convolution with a bias, of the given weight. */
  conv(name: string, x: string, weight: Tensor, bias?: Tensor, options: { groups?: number; padding?: number } = {}): string {
    const p = options.padding ?? 0;
    const attrs = { stride: [1, 1], padding: [p, p, p, p], dilation: [1, 1], groups: options.groups ?? 1 };
    const inputs = [x, this.parameter(`${name}.weight`, weight), ...(bias ? [this.parameter(`${name}.bias`, bias)] : [])];
    return this.add(name, conv2d.def, inputs, attrs);
  }

  graph(...outputs: string[]): Graph {
    return new Graph({
      name: "chain",
      inputs: [{ name: "x", shape: this.#input, dtype: "f32" }],
      outputs: outputs.map((name) => ({ name, shape: this.shapes.get(name)!, dtype: "f32" as const })),
      nodes: this.nodes,
      parameters: this.parameters,
    });
  }
}

/** A matrix of numbers as the weight of a 1x1 convolution. */
export const pointwise = (rows: readonly (readonly number[])[]): Tensor =>
  new Tensor([rows.length, rows[0].length, 1, 1], "f32", Float32Array.from(rows.flat()));

export const vector = (...values: number[]): Tensor => new Tensor([values.length], "f32", Float32Array.from(values));

type Step = (c: Chain, name: string, x: string) => string;

/** Activations a positive factor passes, and some it does not. */
const STEPS: readonly Step[] = [
  (_, __, x) => x,
  (c, name, x) => c.add(`${name}.relu`, relu.def, [x]),
  (c, name, x) => c.add(`${name}.relu`, clamp.def, [x], { min: 0, max: Infinity }),
  (c, name, x) => c.add(`${name}.leaky`, leakyRelu.def, [x], { slope: 0.1 }),
  (c, name, x) => {
    const slope = c.parameter(`${name}.slope`, uniform([c.shapes.get(x)![1], 1, 1], new Rng(name), 0, 0.5));
    return c.add(`${name}.prelu`, prelu.def, [x, slope]);
  },
  (c, name, x) =>
    c.add(`${name}.pool`, maxPool2d.def, [x], { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], ceilMode: false }),
  (c, name, x) => c.add(`${name}.relu6`, relu6.def, [x]),
  (c, name, x) => c.add(`${name}.sigmoid`, sigmoid.def, [x]),
];

/** Weights whose channels differ by powers of ten. */
const uneven = (shape: readonly number[], rng: Rng): Tensor => {
  const w = randn(shape, rng, 0.5);
  const inner = w.size / shape[0];
  const sizes = Array.from({ length: shape[0] }, () => 10 ** rng.float(-1.5, 1.5));
  return new Tensor(
    shape,
    "f32",
    (w.data as Float32Array).map((v, i) => v * sizes[Math.floor(i / inner)]),
  );
};

/** A random network of convolutions, some depthwise, with steps between them, sometimes a branch, and an input. */
export function drawChain(draw: Draw): { graph: Graph; x: Tensor } {
  const rng = new Rng(draw.int(0, 1 << 20));
  const shape = [1, draw.int(1, 4), draw.int(3, 6), draw.int(3, 6)];
  const c = new Chain(shape);
  let at = "x";
  const outputs: string[] = [];
  const layers = draw.int(2, 5);
  for (let i = 0; i < layers; i++) {
    const channels = c.shapes.get(at)![1];
    const depthwise = draw.int(0, 2) === 0;
    const filters = depthwise ? channels : draw.int(1, 6);
    const kernel = draw.oneOf([1, Math.min(3, ...c.shapes.get(at)!.slice(2))]);
    const weight = uneven([filters, depthwise ? 1 : channels, kernel, kernel], rng);
    const bias = draw.int(0, 3) > 0 ? uniform([filters], rng, -2, 4) : undefined;
    const options = { groups: depthwise ? channels : 1, padding: draw.oneOf([0, 1]) };
    const before = at;
    at = draw.oneOf(STEPS)(c, `c${i}`, c.conv(`c${i}`, at, weight, bias, options));
    if (`${c.shapes.get(before)}` === `${c.shapes.get(at)}` && draw.int(0, 3) === 0) at = c.add(`join${i}`, add.def, [before, at]);
    if (draw.int(0, 5) === 0) outputs.push(at);
  }
  return { graph: c.graph(...new Set([...outputs, at])), x: randn(shape, rng) };
}

/** Rows of features through a layer normalisation into two matrix products that share it, and one behind a ReLU. */
export function normChain(seed: number): { graph: Graph; x: Tensor } {
  const rng = new Rng(seed);
  const c = new Chain([1, 5, 8]);
  const over = { dim: [2], keepdim: true };
  const center = c.add("center", sub.def, ["x", c.add("mean", mean.def, ["x"], over)]);
  const spread = c.add("variance", mean.def, [c.add("square", square.def, [center])], over);
  const standard = c.add("standard", mul.def, [center, c.add("factor", rsqrt.def, [spread])]);
  const scaled = c.add("scaled", mul.def, [standard, c.parameter("scale", uneven([8], rng))]);
  const normed = c.add("normed", add.def, [scaled, c.parameter("shift", randn([8], rng))]);
  const query = c.add("query", matmul.def, [normed, c.parameter("query.weight", randn([8, 6], rng))]);
  const key = c.add("key", matmul.def, [normed, c.parameter("key.weight", randn([8, 6], rng))]);
  const biased = c.add("biased", add.def, [key, c.parameter("key.bias", randn([6], rng))]);
  const last = c.add("last", matmul.def, [c.add("act", relu.def, [biased]), c.parameter("last.weight", randn([6, 6], rng))]);
  return { graph: c.graph(query, last), x: randn([1, 5, 8], rng) };
}

/** Average pooling with a branch, for walks that must end. */
export function poolChain(): Graph {
  const c = new Chain([1, 2, 4, 4]);
  const first = c.conv("first", "x", ones([2, 2, 1, 1]));
  const attrs = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], ceilMode: false, countIncludePad: true };
  const pooled = c.add("pool", avgPool2d.def, [first], attrs);
  return c.graph(c.conv("second", pooled, ones([1, 2, 1, 1])));
}

/** Largest distance of two runs' outputs, as a share of the largest value. */
export function outputGap(a: Graph, b: Graph, x: Tensor): number {
  const [left, right] = [a.forward(x), b.forward(x)];
  let gap = 0;
  for (const [name, { data }] of Object.entries(left)) {
    let [largest, most] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      largest = Math.max(largest, Math.abs(data[i]));
      most = Math.max(most, Math.abs(data[i] - right[name].data[i]));
    }
    gap = Math.max(gap, largest === 0 ? most : most / largest);
  }
  return gap;
}

/** The least value of every channel at every seam's source: absorbing no more than that changes nothing. */
export function least(graph: Graph, x: Tensor): Map<string, NormStatistics> {
  const found = new Map<string, NormStatistics>();
  const sources = new Map(findSeams(graph).map((s) => [s.source, s]));
  graph.forward(
    x,
    tapFrom((path, slot, y) => {
      const seam = slot === "output" ? sources.get(path) : undefined;
      if (!seam) return y;
      const inner = y.size / seam.channels;
      const mean = Float64Array.from({ length: seam.channels }, (_, c) => Math.min(...y.data.slice(c * inner, (c + 1) * inner)));
      found.set(path, { mean, deviation: new Float64Array(seam.channels) });
      return y;
    }),
  );
  return found;
}
