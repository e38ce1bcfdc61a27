import { findUnits, Graph, type NormStatistics, type Unit } from "../../../src/graph/index.ts";
import { channelStatistics, tapFrom } from "../../../src/nn/index.ts";
import { float, ints } from "../../../src/onnx/export/attribute.ts";
import type { NodeInit, TensorInit } from "../../../src/onnx/protobuf.ts";
import { normalizedBy } from "../../../src/quant/reconstruct/distribution.ts";
import { Rng, randn, Tensor, uniform } from "../../../src/tensor/index.ts";
import { file, floats, node } from "../../onnx/build.ts";
import { residualNetwork, residualSamples, stacked } from "./residual.ts";

/** An ONNX file of a stem, a residual block and a last convolution; with normalisations behind all but the last. */
export function normalizedFile(seed: number, normalized = true): Uint8Array {
  const rng = new Rng(`normalized/${seed}`);
  const nodes: NodeInit[] = [];
  const initializers: TensorInit[] = [];
  const conv = (name: string, x: string, shape: readonly number[], output: string): void => {
    initializers.push(
      floats(`${name}.weight`, randn(shape, rng, 0.8 / Math.sqrt(shape[1] * 9))),
      floats(`${name}.bias`, randn([shape[0]], rng, 0.1)),
    );
    const pads = ints("pads", [1, 1, 1, 1]);
    nodes.push(node("Conv", [x, `${name}.weight`, `${name}.bias`], [output], [pads]));
  };
  const normed = (name: string, x: string, inputs: number): string => {
    conv(name, x, [4, inputs, 3, 3], normalized ? `${name}.c` : `${name}.n`);
    if (!normalized) return `${name}.n`;
    const parts = ["scale", "shift", "mean", "variance"].map((part) => `${name}.${part}`);
    parts.forEach((part, i) => initializers.push(floats(part, i === 1 || i === 2 ? randn([4], rng, 0.2) : uniform([4], rng, 0.5, 1.5))));
    nodes.push(node("BatchNormalization", [`${name}.c`, ...parts], [`${name}.n`], [float("epsilon", 1e-3)]));
    return `${name}.n`;
  };
  const relu = (x: string): string => {
    nodes.push(node("Relu", [x], [`${x}.act`]));
    return `${x}.act`;
  };
  const stem = relu(normed("stem", "x", 3));
  const inner = normed("b", relu(normed("a", stem, 4)), 4);
  nodes.push(node("Add", [stem, inner], ["sum"]));
  conv("last", relu("sum"), [2, 4, 3, 3], "y");
  return file({ input: [1, 3, 8, 8], nodes, initializers });
}

/** The residual network, its samples, and a block whose normalised tensors are promised what `promise` makes of what they have. */
export function promised(
  seed: number,
  count: number,
  promise: (found: NormStatistics) => NormStatistics,
): { graph: Graph; unit: Unit; inputs: readonly Record<string, Tensor>[] } {
  const plain = residualNetwork(seed);
  const samples = residualSamples(seed, count);
  const seen = new Map<string, Tensor>();
  plain.forward(
    stacked(samples),
    tapFrom((path, slot, x) => {
      if (slot === "output") seen.set(path, x);
      return x;
    }),
  );
  const names = ["one/a/y", "one/b/y"];
  const statistics = new Map(names.map((name) => [name, promise(statisticsOf(seen.get(name) as Tensor))]));
  const graph = new Graph({ ...plain, statistics });
  const unit = findUnits(graph, "block").find((u) => normalizedBy(graph, u).length === 2) as Unit;
  const pieces = (x: Tensor): Tensor[] =>
    Array.from({ length: count }, (_, i) => {
      const each = x.size / count;
      return new Tensor([1, ...x.shape.slice(1)], x.dtype, x.data.slice(i * each, (i + 1) * each));
    });
  const inputs = pieces(seen.get(unit.inputs[0]) as Tensor).map((x) => ({ [unit.inputs[0]]: x }));
  return { graph, unit, inputs };
}

/** Mean and deviation over everything there is. Shape: x [N,C,...]. */
export function statisticsOf(x: Tensor): NormStatistics {
  const { mean, variance } = channelStatistics(x);
  const count = x.size / x.shape[1];
  return { mean, deviation: variance.map((v) => Math.sqrt((v * (count - 1)) / count)) };
}
