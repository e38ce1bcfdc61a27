import { describe, expect, test } from "vitest";
import { float, int } from "../../src/onnx/export/attribute.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { DataType, type NodeInit, type TensorInit } from "../../src/onnx/protobuf.ts";
import { ones, Rng, randn, type Tensor, tensor } from "../../src/tensor/index.ts";
import { file, floats, longs, node } from "./build.ts";

const random = (shape: readonly number[], seed = 1): Tensor => randn(shape, new Rng(seed));

describe("importOnnx", () => {
  const relu = (name = "y"): NodeInit => node("Relu", ["x"], [name]);

  test("folds a normalisation into the convolution before it and keeps the names", () => {
    const graph = importOnnx(
      file({
        input: ["batch", 3, 4, 4],
        nodes: [node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["y"])],
        initializers: [
          floats("w", random([2, 3, 1, 1])),
          ...["s", "b", "m"].map((k, i) => floats(k, random([2], i))),
          floats("v", ones([2])),
        ],
      }),
    );
    expect(graph.nodes.map((n) => n.name)).toEqual(["Conv_c"]);
    expect([...graph.parameters.keys()]).toEqual(["w", "b"]);
    expect(graph.inputs[0].shape).toEqual([-1, 3, 4, 4]);
    expect(graph.outputs[0].shape).toEqual([-1, 2, 4, 4]);
    expect(graph.forward(random([3, 3, 4, 4])).y.shape).toEqual([3, 2, 4, 4]);
  });

  test("keeps what a normalisation promises of the tensor it wrote, folded or not", () => {
    const given = { s: [2, -0.5], b: [1, -3], m: [9, 9], v: [3, 0.001] };
    const initializers = [
      floats("w", random([2, 3, 1, 1])),
      ...Object.entries(given).map(([name, values]) => floats(name, tensor(values, [2], "f32"))),
    ];
    const norm = node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], [float("epsilon", 1e-3)]);
    const conv = node("Conv", ["x", "w"], ["c"]);
    const promised = {
      mean: Float64Array.of(1, -3),
      deviation: given.s.map((s, c) => Math.abs(s) * Math.sqrt(Math.fround(given.v[c]) / (Math.fround(given.v[c]) + Math.fround(1e-3)))),
    };
    const read = (...nodes: NodeInit[]) => importOnnx(file({ input: [1, 3, 4, 4], nodes, initializers })).statistics;
    const folded = read(conv, norm, node("Relu", ["n"], ["y"]));
    const lone = read(conv, norm, node("Add", ["c", "n"], ["y"]));
    for (const statistics of [folded, lone]) {
      expect([...statistics.keys()]).toEqual(["n"]);
      expect(statistics.get("n")?.mean).toEqual(promised.mean);
      promised.deviation.forEach((d, c) => expect(statistics.get("n")?.deviation[c]).toBeCloseTo(d, 12));
    }
    const twice = node("BatchNormalization", ["n", "s", "b", "m", "v"], ["y"]);
    expect([...read(conv, norm, twice).keys()]).toEqual(["y"]);
    expect([...read(conv, norm, node("Identity", ["n"], ["y"])).keys()]).toEqual(["y"]);
    expect([...read(conv, node("Relu", ["c"], ["y"])).keys()]).toEqual([]);
  });

  test("fixes the batch where a shape in the file is written for one picture", () => {
    const nodes = [node("Reshape", ["x", "s"], ["y"])];
    const graph = importOnnx(file({ input: ["batch", 3, 4, 4], nodes, initializers: [longs("s", [1, 48])] }));
    expect(graph.inputs[0].shape).toEqual([1, 3, 4, 4]);
  });

  test("takes the shape of free picture axes from the caller", () => {
    const bytes = file({ input: [1, 3, "h", "w"], nodes: [relu()] });
    expect(() => importOnnx(bytes, { name: "a.onnx" })).toThrow(
      'a.onnx: input "x" must have a fixed shape but for the batch, got [1,3,h,w]',
    );
    expect(importOnnx(bytes, { inputShape: [1, 3, 8, 8] }).outputs[0].shape).toEqual([1, 3, 8, 8]);
    expect(importOnnx(bytes, { inputShape: { x: [1, 3, 8, 8] } }).outputs[0].shape).toEqual([1, 3, 8, 8]);
    expect(() => importOnnx(bytes, { inputShape: { y: [1, 3, 8, 8] } })).toThrow('every given shape must be that of an input, got "y"');
  });

  test("names all unsupported operators at once", () => {
    const nodes = [node("Optional", ["x"], ["a"]), node("Loop", ["a"], ["b"]), node("Loop", ["b"], ["y"])];
    expect(() => importOnnx(file({ input: [1], nodes }), { name: "a.onnx" })).toThrow(
      'a.onnx: every operator must be supported, got ai.onnx.Optional (node "Optional_a"), ai.onnx.Loop (2 nodes, first "Loop_b")',
    );
  });

  test("refuses weights that are not finite, and names the tensor", () => {
    const bytes = file({ input: [2], nodes: [node("Add", ["x", "w"], ["y"])], initializers: [floats("w", tensor([1, Number.NaN]))] });
    expect(() => importOnnx(bytes)).toThrow('every weight must be finite, got NaN in tensor "w" (element 1)');
  });

  test("refuses an attribute it does not know instead of ignoring it", () => {
    expect(() => importOnnx(file({ input: [2], nodes: [node("Relu", ["x"], ["y"], [int("fancy", 1)])] }))).toThrow(
      "every attribute must be known, got fancy",
    );
  });

  test("keeps errors on one line whatever the names in the file", () => {
    const bad = { ...relu(), name: "two\nlines\u0000", opType: "Nope\r\n" };
    expect(() => importOnnx(file({ input: [2], nodes: [bad] }), { name: "a.onnx" })).toThrow(/^a\.onnx: [^\p{Cc}]*$/u);
  });

  test("refuses tensors no machine could hold before making them", () => {
    const nodes = [node("Pad", ["x", "p"], ["y"])];
    const bytes = file({ input: [4, 4], nodes, initializers: [longs("p", [2 ** 30, 2 ** 30, 0, 0])] });
    expect(() => importOnnx(bytes)).toThrow("a tensor must have at most 536870912 elements");
  });

  test("computes codes that others than DequantizeLinear read", () => {
    const nodes = [node("QuantizeLinear", ["x", "s"], ["q"]), node("Add", ["q", "q"], ["y"])];
    const graph = importOnnx(file({ input: [4], nodes, initializers: [floats("s", tensor(0.5))] }));
    expect(graph.forward(tensor([-1, 0.2, 0.8, 500])).y).toEqual(tensor([0, 0, 4, 254], [4], "u8"));
  });

  test("takes inputs that never change as constants", () => {
    const nodes = [node("Reshape", ["x", "s"], ["y"])];
    const bytes = file({ input: [2, 3], nodes, others: [{ name: "s", shape: [1], type: DataType.INT64 }] });
    expect(() => importOnnx(bytes)).toThrow('input 1 must be a constant, got "s", which is computed');
    const constants = new Map([["s", tensor([6], [1], "i32")]]);
    expect(importOnnx(bytes, { constants }).outputs[0].shape).toEqual([6]);
    expect(() => importOnnx(bytes, { constants: new Map([["s", tensor([6])]]) })).toThrow('constant "s" must be i32, got f32');
    expect(() => importOnnx(bytes, { constants: new Map([["t", tensor([6])]]) })).toThrow(
      "every constant must be an input that holds a tensor",
    );
  });

  test("refuses a pair whose two scales differ", () => {
    const nodes = [node("QuantizeLinear", ["x", "s"], ["q"]), node("DequantizeLinear", ["q", "t"], ["y"])];
    const initializers = [floats("s", tensor(0.5)), floats("t", tensor(0.25))];
    expect(() => importOnnx(file({ input: [2], nodes, initializers }))).toThrow("must equal those of the QuantizeLinear");
  });

  test("reads 4-bit weights and int32 biases behind DequantizeLinear as constants", () => {
    const initializers: TensorInit[] = [
      { name: "q", dims: [2n, 3n], dataType: DataType.INT4, rawData: Uint8Array.from([0x81, 0x7f, 0x20]) },
      { name: "s", dims: [2n], dataType: DataType.FLOAT, floatData: [0.5, 2] },
      { name: "z", dims: [2n], dataType: DataType.INT4, int32Data: [0x10] },
    ];
    const nodes = [node("DequantizeLinear", ["q", "s", "z"], ["w"], [int("axis", 0)]), node("Add", ["x", "w"], ["y"])];
    const graph = importOnnx(file({ opset: 21, input: [2, 3], nodes, initializers }));
    expect(Array.from(graph.parameters.get("w")?.data ?? [])).toEqual([0.5, -4, -0.5, 12, -2, 2]);
  });
});
