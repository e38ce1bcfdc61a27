import { assembleGraph, type Graph, type Node } from "../../../src/graph/index.ts";
import { type AnyOp, add, conv2d, Rng, randn, relu, sigmoid, type Tensor, tensor } from "../../../src/tensor/index.ts";

const SIDE = 8;
const CHANNELS = 4;

/** A stem, two residual blocks, a depthwise and a final convolution: all kinds of units in a network that learns in no time. */
export function residualNetwork(seed: number): Graph {
  const rng = new Rng(`residual/${seed}`);
  const nodes: Node[] = [];
  const parameters = new Map<string, Tensor>();
  const node = (name: string, op: AnyOp, inputs: string[], attrs: unknown = {}): string => {
    nodes.push({ name, op, attrs, inputs, outputs: [`${name}/y`] });
    return `${name}/y`;
  };
  const conv = (name: string, x: string, [out, per, kernel]: readonly [number, number, number], groups = 1): string => {
    parameters.set(`${name}.weight`, randn([out, per, kernel, kernel], rng, 0.8 / Math.sqrt(per * kernel)));
    parameters.set(`${name}.bias`, randn([out], rng, 0.1));
    const pad = (kernel - 1) / 2;
    const attrs = { stride: [1, 1], padding: [pad, pad, pad, pad], dilation: [1, 1], groups };
    return node(name, conv2d.def, [x, `${name}.weight`, `${name}.bias`], attrs);
  };
  let at = node("stem/act", relu.def, [conv("stem", "x", [CHANNELS, 3, 3])]);
  for (const block of ["one", "two"]) {
    const first = node(`${block}/act`, relu.def, [conv(`${block}/a`, at, [CHANNELS, CHANNELS, 3])]);
    const second = conv(`${block}/b`, first, [CHANNELS, CHANNELS, 3]);
    at = node(`${block}/end`, relu.def, [node(`${block}/sum`, add.def, [at, second])]);
  }
  at = node("depthwise/act", relu.def, [conv("depthwise", at, [CHANNELS, 1, 3], CHANNELS)]);
  const y = conv("last", at, [2, CHANNELS, 1]);
  return assembleGraph({
    name: "residual",
    inputs: [{ name: "x", shape: [-1, 3, SIDE, SIDE], dtype: "f32" }],
    outputs: [{ name: y, shape: [-1, 2, SIDE, SIDE], dtype: "f32" }],
    nodes,
    parameters,
  });
}

/** Seeded inputs of the network in [0, 1]. */
export function residualSamples(seed: number, count: number): { names: string[]; input(i: number): Tensor } {
  const rng = new Rng(`samples/${seed}`);
  const list = Array.from({ length: count }, () => sigmoid(randn([1, 3, SIDE, SIDE], rng)));
  return { names: list.map((_, i) => `s${i}`), input: (i) => list[i] };
}

/** All samples along a first axis. Shape: [count, 3, side, side]. */
export const stacked = (samples: ReturnType<typeof residualSamples>): Tensor =>
  tensor(
    samples.names.flatMap((_, i) => Array.from(samples.input(i).data)),
    [samples.names.length, 3, SIDE, SIDE],
    "f32",
  );
