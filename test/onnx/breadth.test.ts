import { describe, expect, test } from "vitest";
import { float, int, ints, text } from "../../src/onnx/export/attribute.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { DataType } from "../../src/onnx/protobuf.ts";
import { tensor } from "../../src/tensor/index.ts";
import { agreement, one, type Row, random } from "./agreement.ts";
import { file, floats, longs, node } from "./build.ts";

type Attributes = ReturnType<typeof int>[];

const conv = (title: string, type: string, input: number[], weight: number[], attributes: Attributes): Row =>
  one(
    title,
    13,
    input,
    [node(type, ["x", "w", "b"], ["y"], attributes)],
    [
      floats("w", random(weight)),
      floats("b", random([type === "Conv" ? weight[0] : weight[1] * Number(attributes.find((a) => a.name === "group")?.i ?? 1)])),
    ],
  );

const plain = (title: string, type: string, opset: number, input: number[], attributes: Attributes): Row =>
  one(title, opset, input, [node(type, ["x"], ["y"], attributes)]);

/** A node whose result is made float to be compared. */
const asFloat = (
  title: string,
  opset: number,
  input: number[],
  type: string,
  inputs: string[],
  attributes: Attributes,
  initializers = [] as Row["options"]["initializers"],
): Row =>
  one(
    title,
    opset,
    input,
    [node(type, inputs, ["i"], attributes), node("Cast", ["i"], ["y"], [int("to", DataType.FLOAT)])],
    [...(initializers ?? [])],
  );

const windows: readonly Row[] = [
  conv(
    "Conv of lines",
    "Conv",
    [2, 4, 9],
    [6, 2, 3],
    [int("group", 2), ints("strides", [2]), ints("pads", [1, 2]), ints("dilations", [2])],
  ),
  conv("Conv of lines with SAME_LOWER", "Conv", [2, 4, 9], [6, 4, 4], [text("auto_pad", "SAME_LOWER")]),
  conv(
    "Conv of volumes",
    "Conv",
    [2, 4, 5, 6, 7],
    [6, 2, 3, 2, 3],
    [int("group", 2), ints("strides", [2, 1, 2]), ints("pads", [1, 0, 2, 0, 1, 1]), ints("dilations", [1, 2, 1])],
  ),
  conv(
    "ConvTranspose of lines",
    "ConvTranspose",
    [2, 4, 5],
    [4, 3, 3],
    [int("group", 2), ints("strides", [2]), ints("pads", [1, 0]), ints("output_padding", [1])],
  ),
  conv(
    "ConvTranspose of volumes",
    "ConvTranspose",
    [1, 4, 3, 4, 2],
    [4, 3, 3, 2, 3],
    [
      int("group", 2),
      ints("strides", [2, 1, 3]),
      ints("pads", [1, 0, 2, 0, 1, 1]),
      ints("output_padding", [1, 0, 1]),
      ints("dilations", [1, 2, 1]),
    ],
  ),
  plain("MaxPool of lines", "MaxPool", 12, [2, 3, 9], [ints("kernel_shape", [3]), ints("strides", [2]), ints("pads", [1, 1])]),
  plain(
    "MaxPool of volumes",
    "MaxPool",
    12,
    [1, 2, 6, 5, 7],
    [ints("kernel_shape", [3, 2, 3]), ints("strides", [2, 1, 2]), ints("pads", [1, 0, 1, 1, 1, 0])],
  ),
  ...[0, 1].map((counted) =>
    plain(
      `AveragePool of volumes, pads ${counted ? "" : "not "}counted`,
      "AveragePool",
      11,
      [1, 2, 6, 5, 7],
      [ints("kernel_shape", [3, 2, 3]), ints("pads", [1, 0, 1, 1, 1, 0]), int("count_include_pad", counted)],
    ),
  ),
  plain("GlobalMaxPool", "GlobalMaxPool", 11, [2, 3, 4, 5], []),
  ...[0, 1].map((order) =>
    one(
      `MaxPool's indices, storage order ${order}`,
      12,
      [2, 3, 5, 7],
      [
        node(
          "MaxPool",
          ["x"],
          ["m", "i"],
          [ints("kernel_shape", [3, 2]), ints("strides", [2, 2]), ints("pads", [1, 0, 1, 1]), int("storage_order", order)],
        ),
        node("Cast", ["i"], ["y"], [int("to", DataType.FLOAT)]),
      ],
    ),
  ),
];

const resize = (title: string, input: number[], scales: number[], attributes: Attributes): Row =>
  one(title, 13, input, [node("Resize", ["x", "", "s"], ["y"], attributes)], [floats("s", tensor(scales))]);

const sizes: readonly Row[] = [
  resize("Resize cubic", [1, 2, 5, 7], [1, 1, 2, 1.5], [text("mode", "cubic")]),
  resize(
    "Resize cubic without what lies outside",
    [1, 2, 5, 7],
    [1, 1, 2, 0.5],
    [text("mode", "cubic"), int("exclude_outside", 1), float("cubic_coeff_a", -0.5)],
  ),
  resize("Resize of volumes", [1, 2, 3, 4, 5], [1, 1, 2, 1, 2], [text("mode", "linear")]),
  resize("Resize of matrices", [4, 6], [2, 0.5], [text("mode", "linear")]),
  resize(
    "Resize to the nearest of tf_half_pixel_for_nn",
    [1, 2, 5, 7],
    [1, 1, 0.6, 2],
    [text("mode", "nearest"), text("nearest_mode", "floor"), text("coordinate_transformation_mode", "tf_half_pixel_for_nn")],
  ),
  ...["DCR", "CRD"].map((mode) =>
    plain(`DepthToSpace ${mode}`, "DepthToSpace", 13, [2, 12, 3, 2], [int("blocksize", 2), text("mode", mode)]),
  ),
  plain("SpaceToDepth", "SpaceToDepth", 13, [2, 3, 4, 6], [int("blocksize", 2)]),
];

const einsum = (equation: string, input: number[], ...others: number[][]): Row =>
  one(
    `Einsum ${equation}`,
    12,
    input,
    [node("Einsum", ["x", ...others.map((_, i) => `w${i}`)], ["y"], [text("equation", equation)])],
    others.map((shape, i) => floats(`w${i}`, random(shape, i + 2))),
  );

const axes: readonly Row[] = [
  einsum("bij,bjk->bik", [2, 3, 4], [2, 4, 5]),
  einsum("...ij,jk", [2, 3, 4], [4, 5]),
  einsum("bhwc,hkc->bhwk", [2, 3, 4, 5], [3, 6, 5]),
  einsum("ij,jk,kl->il", [2, 3], [3, 4], [4, 5]),
  einsum("ii->i", [4, 4]),
  einsum("ij->", [2, 3]),
  einsum("i,j->ji", [2], [3]),
  einsum("ab...,b...->a...", [2, 3, 4], [3, 4]),
  ...["ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd"].map((type) =>
    plain(`${type} over two axes`, type, 13, [3, 5, 4], [ints("axes", [0, 1]), int("keepdims", 0)]),
  ),
  asFloat("ArgMax of the last of equals", 13, [3, 4], "ArgMax", ["x"], [int("axis", 1), int("select_last_index", 1), int("keepdims", 0)]),
  one(
    "TopK of whole numbers",
    13,
    [3, 4],
    [
      node("Cast", ["x"], ["c"], [int("to", DataType.INT32)]),
      node("TopK", ["c", "k"], ["v", "i"], [int("axis", 0)]),
      node("Cast", ["v"], ["y"], [int("to", DataType.FLOAT)]),
    ],
    [longs("k", [2])],
  ),
  one("MatMul with a list of numbers", 13, [2, 3, 4], [node("MatMul", ["x", "w"], ["y"])], [floats("w", random([4]))]),
];

const scattered = (type: string, opset: number, reduction: string, indices: number[], shape: number[], updates: number[]): Row =>
  one(
    `${type} with reduction ${reduction}`,
    opset,
    [4, 3],
    [node(type, ["x", "i", "u"], ["y"], reduction === "none" ? [] : [text("reduction", reduction)])],
    [longs("i", indices, shape), floats("u", random(updates, 3))],
  );

const places: readonly Row[] = [
  ...["none", "add", "mul", "max", "min"].flatMap((reduction) => {
    const rows = reduction === "none" ? [0, 2, 3, -3] : [0, 2, 2, -2];
    return [
      scattered("ScatterND", 18, reduction, rows, [4, 1], [4, 3]),
      scattered("ScatterElements", 18, reduction, reduction === "none" ? [0, 1, -1, 2, 0, 1] : [0, 1, -4, 2, 0, 1], [2, 3], [2, 3]),
    ];
  }),
  one("GatherND of single elements", 13, [2, 3, 4], [node("GatherND", ["x", "i"], ["y"])], [longs("i", [0, 1, 2, 1, -1, 3], [2, 3])]),
  one(
    "GatherND of a batch",
    13,
    [2, 3, 4],
    [node("GatherND", ["x", "i"], ["y"], [int("batch_dims", 1)])],
    [longs("i", [0, -1, 2, 1], [2, 2, 1])],
  ),
  one("Gather at computed places", 13, [3, 4], [node("ArgMin", ["x"], ["i"], [int("axis", 0)]), node("Gather", ["x", "i"], ["y"])]),
  one(
    "GatherElements at computed places",
    13,
    [3, 4],
    [
      node("ArgMin", ["x"], ["a"], [int("axis", 1)]),
      node("Sub", ["a", "four"], ["i"]),
      node("GatherElements", ["x", "i"], ["y"], [int("axis", 1)]),
    ],
    [longs("four", [4])],
  ),
];

const logic = (title: string, ...nodes: ReturnType<typeof node>[]): Row =>
  one(
    title,
    13,
    [3, 4],
    [...nodes, node("Cast", ["t"], ["y"], [int("to", DataType.FLOAT)])],
    [floats("zero", tensor(0)), floats("w", random([3, 4], 2))],
  );
const compared = [node("Greater", ["x", "zero"], ["p"]), node("Less", ["w", "x"], ["q"])];

const values: readonly Row[] = [
  ...["And", "Or", "Xor"].map((type) => logic(type, ...compared, node(type, ["p", "q"], ["t"]))),
  logic("Not", ...compared, node("Not", ["p"], ["t"])),
  logic("IsNaN", node("Log", ["x"], ["l"]), node("IsNaN", ["l"], ["t"])),
  logic("IsInf", node("Div", ["x", "zero"], ["l"]), node("IsInf", ["l"], ["t"], [int("detect_negative", 0)])),
  logic("Cast to truth values", node("Floor", ["x"], ["f"]), node("Cast", ["f"], ["t"], [int("to", DataType.BOOL)])),
  logic("Cast to float16 and back", node("Cast", ["x"], ["t"], [int("to", DataType.FLOAT16)])),
  plain("Selu", "Selu", 13, [3, 4], []),
  plain("Celu", "Celu", 12, [3, 4], [float("alpha", 2)]),
  plain("Softsign", "Softsign", 13, [3, 4], []),
  one("Mean", 13, [3, 4], [node("Mean", ["x", "w", "zero"], ["y"])], [floats("w", random([4])), floats("zero", tensor(0))]),
  one("Clip by computed bounds", 13, [3, 4], [node("ReduceMean", ["x"], ["m"], [int("keepdims", 0)]), node("Clip", ["x", "m"], ["y"])]),
  one(
    "DynamicQuantizeLinear",
    13,
    [3, 40],
    [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
  ),
  one(
    "codes of QuantizeLinear per channel",
    13,
    [3, 4],
    [node("QuantizeLinear", ["x", "s"], ["q"], [int("axis", 0)]), node("Cast", ["q"], ["y"], [int("to", DataType.FLOAT)])],
    [floats("s", tensor([0.1, 0.2, 0.3]))],
  ),
  one(
    "NegativeLogLikelihoodLoss with weights and ignored classes",
    13,
    [2, 3, 4],
    [node("NegativeLogLikelihoodLoss", ["x", "t", "w"], ["y"], [int("ignore_index", 1)])],
    [longs("t", [0, 1, 2, 2, 1, 0, 0, 2], [2, 4]), floats("w", tensor([1, 2, 3]))],
  ),
];

describe.each([
  ["windows", windows],
  ["sizes", sizes],
  ["axes", axes],
  ["places", places],
  ["values", values],
] as const)("%s agree with the runtime", (_, rows) => {
  for (const { title, options } of rows) test(title, async () => expect(await agreement(options)).toBeLessThan(2e-6));
});

test("before opset 7 the second operand lies along an axis of the first", () => {
  const nodes = [node("Add", ["x", "w"], ["y"], [int("axis", 1), int("broadcast", 1)])];
  const graph = importOnnx(file({ opset: 6, input: [2, 3, 2], nodes, initializers: [floats("w", tensor([10, 20, 30]))] }));
  expect(Array.from(graph.forward(tensor(new Float32Array(12), [2, 3, 2])).y.data)).toEqual([
    10, 10, 20, 20, 30, 30, 10, 10, 20, 20, 30, 30,
  ]);
});
