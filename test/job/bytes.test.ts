import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/index.ts";
import { bytesOf, costRecord } from "../../src/job/recordOf.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { decodeModel } from "../../src/onnx/protobuf.ts";
import { additivePowerOfTwo, type LevelQuantizer, makeScheme, type Plan, subset, withLevels } from "../../src/quant/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { convStack, planOf, rangeOf } from "../quant/integer/plans.ts";

type AnyLevels = LevelQuantizer<Readonly<Record<string, Tensor>>>;

const { graph: plain, x } = convStack({ layers: 3, channels: 4, size: 6, batch: 1 });

/** The stack with one weight for all its layers, each with a bias of its own. */
const shared = new Graph({
  ...plain,
  nodes: plain.nodes.map((n) => (n.name.startsWith("conv") ? { ...n, inputs: [n.inputs[0], "w0", n.inputs[2]] } : n)),
  parameters: new Map([...plain.parameters].filter(([name]) => name !== "w1" && name !== "w2")),
});

/** The bytes a file takes for weights, their grids and biases; scales of biases follow from others. */
function storedBytes(graph: Graph, plan: Plan): number {
  const parts = /^(w\d(\/dequantized)?(\/codes|\/scale|\/zero_point|\/levels)?|b\d(\/codes)?)$/;
  const held = decodeModel(exportOnnx(graph, plan), "test").graph?.initializer.filter((t) => parts.test(t.name)) ?? [];
  return held.reduce((sum, t) => sum + t.rawData.length, 0);
}

/** The plan with every quantized weight on a quantizer's levels of 4 bits, one scale per channel. */
function onLevels(graph: Graph, start: Plan, quantizer: AnyLevels): Plan {
  let plan = start;
  const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf", axis: 0 });
  for (const weight of start.weights.keys()) {
    const w = graph.parameters.get(weight) as Tensor;
    plan = withLevels(plan, weight, w, { quantizer, params: quantizer.init(rangeOf(w, 0), scheme, w), scheme });
  }
  return plan;
}

const CASES: readonly (readonly [string, Graph, AnyLevels | undefined])[] = [
  ["weights of their own on uniform grids", plain, undefined],
  ["a shared weight on a uniform grid", shared, undefined],
  ["weights of their own on levels for all channels", plain, additivePowerOfTwo as unknown as AnyLevels],
  ["weights of their own on levels for each channel", plain, subset as unknown as AnyLevels],
  ["a shared weight on levels for each channel", shared, subset as unknown as AnyLevels],
];

describe.each(CASES)("the bytes of %s", (_, graph, quantizer) => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])("are those that the file holds, with the layers of mask %d quantized", (mask) => {
    const uniform = planOf(graph, x, { weightBits: 8 }, ({ name }) => ((mask >> Number(name.at(-1))) & 1) === 1);
    const plan = quantizer ? onLevels(graph, uniform, quantizer) : uniform;
    const { before, after } = bytesOf({ graph }, plan);
    expect(after).toBe(storedBytes(graph, plan));
    expect(before).toBe(4 * [...graph.parameters.values()].reduce((sum, p) => sum + p.size, 0));
    expect(costRecord({ graph }, plan, 0).bytes.total).toBe(after);
  });
});
