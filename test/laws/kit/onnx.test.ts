import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../../src/errors.ts";
import { lawReports, onnxLaws, onnxQuantizer, onnxQuantizers } from "../../../src/laws/index.ts";
import { exportOnnx, storedPairs } from "../../../src/onnx/index.ts";
import { type AttributeInit, AttributeType, DataType, type TensorInit } from "../../../src/onnx/protobuf.ts";
import { Rng, type Tensor, tensor, uniform } from "../../../src/tensor/index.ts";
import { file, floats, node } from "../../onnx/build.ts";
import { minmaxPlan, smallNetwork } from "../../onnx/network.ts";

const axis = (i: number): AttributeInit => ({ name: "axis", type: AttributeType.INT, i: BigInt(i) });
const codes = (name: string, values: readonly number[], shape: readonly number[], dataType = DataType.INT8): TensorInit => ({
  ...{ name, dataType, dims: shape.map(BigInt) },
  rawData: Uint8Array.from(values, (v) => v & 255),
});

/** What a file may hold wrong: parameters of the activation's two nodes, and the axis of the weight. */
interface Fault {
  readonly scale?: number;
  readonly zeroAfter?: number;
  readonly weightAxis?: readonly AttributeInit[];
  readonly scales?: readonly number[];
}

const WEIGHT = uniform([3, 3, 1, 1], new Rng(4), -1, 1);

/** Per-channel codes of the weight, narrow symmetric. */
const scalesOf = (w: Tensor): number[] =>
  [0, 1, 2].map((c) =>
    Math.fround((Math.max(...Array.from(w.data.slice(3 * c, 3 * c + 3) as Float32Array, Math.abs)) * (1 + 20 * c)) / 127),
  );

/** A convolution [3, 3, 1, 1] on quantized input and weight. */
function convolution({ scale = 0.05, zeroAfter = 100, weightAxis = [axis(0)], scales = scalesOf(WEIGHT) }: Fault = {}): Uint8Array {
  const stored = Array.from(WEIGHT.data, (v, i) => Math.round(v / scalesOf(WEIGHT)[Math.floor(i / 3)]));
  return file({
    input: [1, 3, 2, 2],
    initializers: [
      floats("s", tensor([scale])),
      codes("z", [100], [], DataType.UINT8),
      codes("zAfter", [zeroAfter], [], DataType.UINT8),
      codes("w", stored, [3, 3, 1, 1]),
      floats("ws", tensor(scales)),
      codes(
        "wz",
        scales.map(() => 0),
        [scales.length],
      ),
    ],
    nodes: [
      node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
      node("DequantizeLinear", ["xq", "s", "zAfter"], ["xf"]),
      node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], [...weightAxis]),
      node("Conv", ["xf", "wf"], ["y"]),
    ],
  });
}

const brokenIn = (bytes: Uint8Array, name: string, values?: Tensor): string[] => {
  const block = values && { x: Float32Array.from(values.data), shape: values.shape };
  return lawReports(onnxQuantizer(bytes, name, block ? { values: block } : {}), onnxLaws, { seed: 1 })
    .filter(({ outcome }) => outcome === "broken")
    .map(({ law }) => law);
};

describe("quantized tensors of a file", () => {
  test("obey the laws in a sound file, also with the float weight at hand", () => {
    expect(brokenIn(convolution(), "x")).toEqual([]);
    expect(brokenIn(convolution(), "xf")).toEqual([]);
    expect(brokenIn(convolution(), "wf", WEIGHT)).toEqual([]);
  });

  test.each([
    [8, 8],
    [4, 6],
  ])("obey the laws in exports of ours, W%iA%i", (weightBits, activationBits) => {
    const graph = smallNetwork();
    const plan = minmaxPlan(graph, uniform([1, 3, 16, 16], new Rng(5)), weightBits, activationBits);
    const bytes = exportOnnx(graph, plan);
    const broken = onnxQuantizers(bytes).flatMap((quantizer) => lawReports(quantizer, onnxLaws, { seed: 1, runs: 10 }));
    expect(broken.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
    for (const name of plan.weights.keys()) {
      const weight = graph.parameters.get(name);
      if (weight) expect(brokenIn(bytes, name, weight)).toEqual([]);
    }
    expect(plan.weights.size).toBeGreaterThan(2);
  });

  test("tell nodes of a pair that disagree: zero is not zero any more", () => {
    const broken = brokenIn(convolution({ zeroAfter: 101 }), "x");
    expect(broken).toEqual(expect.arrayContaining(["has one grid in both nodes of a pair", "keeps zero exact"]));
  });

  test("tell scales that are no scales", () => {
    expect(brokenIn(convolution({ scale: -0.05 }), "x")[0]).toBe("has positive, finite, normal scales");
    expect(brokenIn(convolution({ scale: Number.NaN }), "x")[0]).toBe("has positive, finite, normal scales");
    expect(brokenIn(convolution({ scale: 2 ** -140 }), "x")).toContain("has positive, finite, normal scales");
  });

  test("tell the axis of a weight that was left out, with or without its values", () => {
    const bytes = convolution({ weightAxis: [] });
    expect(brokenIn(bytes, "wf")).toEqual(["has a scale for each output channel, where a weight has many"]);
    expect(brokenIn(bytes, "wf", WEIGHT)).toContain("keeps the given values within a step, or at an end");
  });

  test("tell more scales than channels", () => {
    expect(brokenIn(convolution({ scales: [0.1, 0.2, 0.3, 0.4] }), "wf")[0]).toBe("has an axis with as many entries as scales");
  });

  test("are found by name, and a wrong name gets a hint", () => {
    expect(onnxQuantizers(convolution()).map(({ name }) => name)).toEqual(["xf", "wf"]);
    expect(() => onnxQuantizer(convolution(), "xg", { file: "a.onnx" })).toThrow(
      new ArgumentError("a.onnx", 'the tensor must be a quantized one, got "xg" (did you mean "x"?)'),
    );
  });

  test("are read as the file has them", () => {
    const [activation, weight] = storedPairs(convolution({ weightAxis: [] }));
    expect([activation.source, activation.rank, activation.outputAxis, activation.dequantize.axis]).toEqual(["x", 4, undefined, 1]);
    expect([weight.source, weight.rank, weight.outputAxis, weight.dequantize.qmin]).toEqual([undefined, 4, 0, -128]);
  });
});
