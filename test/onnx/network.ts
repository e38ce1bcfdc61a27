import { Graph, type Node } from "../../src/graph/index.ts";
import { tapFrom } from "../../src/nn/index.ts";
import { assign, chooseQParams, type Plan, type SitePlan } from "../../src/quant/index.ts";
import {
  type AnyOp,
  add,
  conv2d,
  convTranspose2d,
  maxPool2d,
  Rng,
  randn,
  relu,
  sigmoid,
  type Tensor,
  tensor,
} from "../../src/tensor/index.ts";
import { rangeOf } from "../quant/range.ts";

const window = (kernel: number, stride = 1) => ({
  stride: [stride, stride],
  padding: [(kernel - 1) >> 1, (kernel - 1) >> 1, (kernel - 1) >> 1, (kernel - 1) >> 1],
  dilation: [1, 1],
});

/** A network with everything that matters to quantization: depthwise, pooling, a residual, a transposed convolution, a shared input. */
export function smallNetwork(seed = 3): Graph {
  const rng = new Rng(seed);
  const parameters = new Map<string, Tensor>();
  const node = (name: string, op: { readonly def: AnyOp }, inputs: string[], attrs: unknown = {}): Node => ({
    name,
    op: op.def,
    attrs,
    inputs,
    outputs: [name],
  });
  const layer = (name: string, input: string, shape: number[], groups = 1, stride = 1): Node => {
    const fan = shape[1] * shape[2] * shape[3];
    parameters.set(
      `${name}.weight`,
      tensor(
        randn(shape, rng).data.map((v: number) => v * Math.sqrt(2 / fan)),
        shape,
      ),
    );
    parameters.set(`${name}.bias`, tensor(randn([shape[0]], rng).data.map((v: number) => 0.1 * v)));
    return node(name, conv2d, [input, `${name}.weight`, `${name}.bias`], { ...window(shape[2], stride), groups });
  };
  const up = (name: string, input: string, shape: number[]): Node => {
    parameters.set(
      `${name}.weight`,
      tensor(
        randn(shape, rng).data.map((v: number) => v / 4),
        shape,
      ),
    );
    parameters.set(`${name}.bias`, randn([shape[1]], rng));
    const attrs = { stride: [2, 2], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1, outputPadding: [0, 0] };
    return node(name, convTranspose2d, [input, `${name}.weight`, `${name}.bias`], attrs);
  };
  const nodes = [
    layer("stem", "image", [8, 3, 3, 3], 1, 2),
    node("stemRelu", relu, ["stem"]),
    layer("depthwise", "stemRelu", [8, 1, 3, 3], 8),
    node("depthwiseRelu", relu, ["depthwise"]),
    layer("pointwise", "depthwiseRelu", [8, 8, 1, 1]),
    node("sum", add, ["pointwise", "depthwiseRelu"]),
    node("pool", maxPool2d, ["sum"], { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceilMode: false }),
    layer("after", "pool", [8, 8, 3, 3]),
    up("up", "after", [8, 4, 4, 4]),
    layer("left", "up", [2, 4, 1, 1]),
    layer("right", "up", [3, 4, 3, 3]),
    node("heat", sigmoid, ["right"]),
  ];
  return new Graph({
    ...{ name: "small", nodes, parameters },
    inputs: [{ name: "image", shape: [1, 3, 16, 16], dtype: "f32" }],
    outputs: [
      { name: "left", shape: [1, 2, 8, 8], dtype: "f32" },
      { name: "heat", shape: [1, 3, 8, 8], dtype: "f32" },
    ],
  });
}

/** The plan min-max calibration on one picture gives. */
export function minmaxPlan(graph: Graph, x: Tensor, weightBits: number, activationBits: number, perChannelDepthwise = true): Plan {
  const { layers, weights, sites } = assign(graph, {
    weightBits,
    activationBits,
    keep: [],
    firstLayerBits: activationBits,
    perChannelDepthwise,
  });
  const activations = new Map<string, SitePlan>();
  graph.forward(
    x,
    tapFrom((path, slot, t) => {
      const scheme = sites.get(path)?.scheme;
      if (slot === "output" && scheme) activations.set(path, { scheme, params: chooseQParams(rangeOf(t, scheme.axis), scheme).params });
      return t;
    }),
  );
  const weightPlans = [...weights].map(([name, scheme]) => {
    const w = graph.parameters.get(name) as Tensor;
    return [name, { scheme, params: chooseQParams(rangeOf(w, scheme.axis), scheme).params }] as const;
  });
  return { layers: new Set(layers.map((l) => l.name)), activations, weights: new Map(weightPlans), biases: new Map(), tuned: new Map() };
}
