import { describe, expect, test } from "vitest";
import { float, int, ints, text } from "../../src/onnx/export/attribute.ts";
import { ones, tensor } from "../../src/tensor/index.ts";
import { agreement, one, type Row, random } from "./agreement.ts";
import { floats, longs, node } from "./build.ts";

const conv = (title: string, attributes: ReturnType<typeof ints>[], weight = [4, 3, 3, 3]): Row =>
  one(
    title,
    13,
    [1, 3, 9, 8],
    [node("Conv", ["x", "w", "b"], ["y"], attributes)],
    [floats("w", random(weight)), floats("b", random([weight[0]]))],
  );

const rows: readonly Row[] = [
  conv("Conv without attributes", []),
  conv("Conv with asymmetric pads", [ints("pads", [0, 1, 2, 3]), ints("strides", [2, 1])]),
  conv("Conv with SAME_UPPER", [text("auto_pad", "SAME_UPPER"), ints("strides", [2, 3])]),
  conv("Conv with SAME_LOWER", [text("auto_pad", "SAME_LOWER"), ints("strides", [2, 3])]),
  conv("Conv dilated", [ints("dilations", [2, 1]), text("auto_pad", "VALID")]),
  conv("depthwise Conv", [int("group", 3)], [6, 1, 3, 3]),
  one(
    "ConvTranspose with output_padding",
    13,
    [1, 3, 5, 4],
    [node("ConvTranspose", ["x", "w"], ["y"], [ints("strides", [2, 2]), ints("pads", [1, 1, 0, 1]), ints("output_padding", [1, 0])])],
    [floats("w", random([3, 2, 3, 3]))],
  ),
  ...["SAME_UPPER", "SAME_LOWER"].map((mode) =>
    one(
      `ConvTranspose with ${mode}`,
      13,
      [1, 3, 5, 4],
      [node("ConvTranspose", ["x", "w"], ["y"], [ints("strides", [2, 2]), text("auto_pad", mode)])],
      [floats("w", random([3, 2, 3, 3]))],
    ),
  ),
  one(
    "MaxPool with SAME_UPPER",
    11,
    [1, 2, 7, 7],
    [node("MaxPool", ["x"], ["y"], [ints("kernel_shape", [3, 3]), ints("strides", [2, 2]), text("auto_pad", "SAME_UPPER")])],
  ),
  one(
    "AveragePool counting pads",
    11,
    [1, 2, 7, 7],
    [node("AveragePool", ["x"], ["y"], [ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1]), int("count_include_pad", 1)])],
  ),
  one(
    "AveragePool not counting pads",
    11,
    [1, 2, 7, 7],
    [node("AveragePool", ["x"], ["y"], [ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1])])],
  ),
  one("GlobalAveragePool", 11, [1, 2, 7, 7], [node("GlobalAveragePool", ["x"], ["y"])]),
  one("Softmax that flattens", 11, [2, 3, 4], [node("Softmax", ["x"], ["y"], [int("axis", 1)])]),
  one("Softmax along one axis", 13, [2, 3, 4], [node("Softmax", ["x"], ["y"], [int("axis", 1)])]),
  one("Clip by attributes", 10, [2, 3], [node("Clip", ["x"], ["y"], [float("min", -0.5), float("max", 0.5)])]),
  one("Clip by inputs, one open", 11, [2, 3], [node("Clip", ["x", "", "max"], ["y"])], [floats("max", tensor(0.25))]),
  one(
    "Slice by attributes",
    9,
    [4, 6],
    [node("Slice", ["x"], ["y"], [ints("starts", [1, -4]), ints("ends", [99, -1]), ints("axes", [0, 1])])],
  ),
  one(
    "Slice by inputs",
    11,
    [4, 6],
    [node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
    [longs("s", [0, 1]), longs("e", [2 ** 40, 6]), longs("a", [0, -1]), longs("t", [2, 3])],
  ),
  one("Pad by attributes", 10, [1, 2, 3, 3], [node("Pad", ["x"], ["y"], [ints("pads", [0, 0, 1, 2, 0, 0, 0, 1]), float("value", 2)])]),
  one(
    "Pad by reflection",
    13,
    [1, 2, 3, 3],
    [node("Pad", ["x", "p"], ["y"], [text("mode", "reflect")])],
    [longs("p", [0, 0, 1, 2, 0, 0, 0, 1])],
  ),
  one(
    "Unsqueeze and Squeeze by attributes",
    11,
    [2, 3],
    [node("Unsqueeze", ["x"], ["u"], [ints("axes", [0, 3])]), node("Squeeze", ["u"], ["y"], [ints("axes", [0])])],
  ),
  one(
    "Unsqueeze and Squeeze by inputs",
    13,
    [2, 3],
    [node("Unsqueeze", ["x", "a"], ["u"]), node("Squeeze", ["u", "b"], ["y"])],
    [longs("a", [0, 3]), longs("b", [-1])],
  ),
  one("Flatten", 13, [2, 3, 4], [node("Flatten", ["x"], ["y"], [int("axis", 2)])]),
  one("Gather of one entry", 13, [2, 3, 4], [node("Gather", ["x", "i"], ["y"], [int("axis", 1)])], [longs("i", [-1], [])]),
  one(
    "Gather of a matrix of entries",
    13,
    [2, 3, 4],
    [node("Gather", ["x", "i"], ["y"], [int("axis", 1)])],
    [longs("i", [0, 2, -1, 1], [2, 2])],
  ),
  one(
    "Resize by scales, opset 10",
    10,
    [1, 2, 3, 4],
    [node("Resize", ["x", "s"], ["y"], [text("mode", "nearest")])],
    [floats("s", tensor([1, 1, 2, 2]))],
  ),
  one(
    "Resize by sizes",
    13,
    [1, 2, 3, 4],
    [node("Resize", ["x", "", "", "s"], ["y"], [text("mode", "linear")])],
    [longs("s", [1, 2, 5, 6])],
  ),
  one(
    "Resize with corners aligned",
    13,
    [1, 2, 3, 4],
    [node("Resize", ["x", "", "s"], ["y"], [text("mode", "linear"), text("coordinate_transformation_mode", "align_corners")])],
    [floats("s", tensor([1, 1, 2, 3]))],
  ),
  one("Upsample", 9, [1, 2, 3, 4], [node("Upsample", ["x", "s"], ["y"], [text("mode", "nearest")])], [floats("s", tensor([1, 1, 2, 2]))]),
  one(
    "Gemm",
    13,
    [2, 3],
    [node("Gemm", ["x", "w", "c"], ["y"], [int("transB", 1), float("alpha", 0.5), float("beta", 2)])],
    [floats("w", random([4, 3])), floats("c", random([4]))],
  ),
  one("MatMul", 13, [2, 3], [node("MatMul", ["x", "w"], ["y"])], [floats("w", random([3, 4]))]),
  one("ReduceMean by attribute", 13, [2, 3, 4], [node("ReduceMean", ["x"], ["y"], [ints("axes", [-1]), int("keepdims", 0)])]),
  one("ReduceMean by input", 18, [2, 3, 4], [node("ReduceMean", ["x", "a"], ["y"])], [longs("a", [1])]),
  one("ReduceSum by input", 13, [2, 3, 4], [node("ReduceSum", ["x", "a"], ["y"])], [longs("a", [0, 2])]),
  one("HardSigmoid with its defaults", 13, [2, 3], [node("HardSigmoid", ["x"], ["y"])]),
  one("HardSwish", 14, [2, 3], [node("HardSwish", ["x"], ["y"])]),
  one("LeakyRelu with its default", 13, [2, 3], [node("LeakyRelu", ["x"], ["y"])]),
  one("Max of three", 13, [2, 3], [node("Max", ["x", "a", "b"], ["y"])], [floats("a", random([3])), floats("b", random([2, 1]))]),
  one("Identity to the output", 13, [2, 3], [node("Identity", ["x"], ["y"])]),
  one("Dropout", 13, [2, 3], [node("Relu", ["x"], ["r"]), node("Dropout", ["r"], ["y"])]),
  one(
    "a lone BatchNormalization",
    13,
    [2, 3, 2, 2],
    [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], [float("epsilon", 1e-3)])],
    [floats("s", random([3])), floats("b", random([3], 2)), floats("m", random([3], 3)), floats("v", ones([3]))],
  ),
  one(
    "BatchNormalization after a convolution with a second reader",
    13,
    [1, 3, 4, 4],
    [node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]), node("Add", ["c", "n"], ["y"])],
    [floats("w", random([2, 3, 1, 1])), ...["s", "b", "m"].map((k, i) => floats(k, random([2], i))), floats("v", ones([2]))],
  ),
  one(
    "shape arithmetic",
    13,
    [2, 3, 4],
    [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "two"], ["last"]),
      node("Mul", ["last", "three"], ["product"]),
      node("Unsqueeze", ["product", "zero"], ["tail"]),
      node("Concat", ["minus", "tail"], ["target"], [int("axis", 0)]),
      node("Reshape", ["x", "target"], ["y"]),
    ],
    [longs("two", [2], []), longs("three", [3], []), longs("zero", [0]), longs("minus", [-1])],
  ),
];

describe("imported operators agree with the runtime", () => {
  for (const { title, options } of rows) {
    test(title, async () => {
      expect(await agreement(options)).toBeLessThan(3e-6);
    });
  }

  test("Split into unequal parts", async () => {
    const options = {
      input: [2, 5],
      nodes: [node("Split", ["x", "s"], ["a", "b"], [int("axis", 1)])],
      initializers: [longs("s", [2, 3])],
      outputs: ["a", "b"],
    };
    expect(await agreement(options)).toBe(0);
  });
});
