import { describe, expect, test } from "vitest";
import { float, int, ints, text } from "../../src/onnx/export/attribute.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { DataType } from "../../src/onnx/protobuf.ts";
import { tapOf } from "../../src/quant/index.ts";
import { tensor } from "../../src/tensor/index.ts";
import { agreement, one, type Row, random } from "./agreement.ts";
import { type FileOptions, file, floats, longs, node } from "./build.ts";
import { minmaxPlan } from "./network.ts";
import { gap, runInRuntime } from "./runtime.ts";

const norm = (
  title: string,
  type: string,
  opset: number,
  attributes: ReturnType<typeof int>[],
  size: number[],
  input = [2, 4, 3, 5],
): Row =>
  one(title, opset, input, [node(type, ["x", "s", "b"], ["y"], attributes)], [floats("s", random(size)), floats("b", random(size, 2))]);

const grid = (title: string, opset: number, attributes: ReturnType<typeof int>[]): Row =>
  one(title, opset, [2, 3, 4, 5], [node("GridSample", ["x", "g"], ["y"], attributes)], [floats("g", random([2, 3, 2, 2]))]);

const scattered = (title: string, type: string, opset: number, attributes: ReturnType<typeof int>[]): Row =>
  one(
    title,
    opset,
    [3, 4],
    [node(type, ["x", "i", "u"], ["y"], attributes)],
    [longs("i", [2, 0, -1, 1], [2, 2]), floats("u", random([2, 2]))],
  );

const rows: readonly Row[] = [
  norm("InstanceNormalization", "InstanceNormalization", 7, [float("epsilon", 1e-2)], [4]),
  norm("GroupNormalization with one scale a channel", "GroupNormalization", 21, [int("num_groups", 2)], [4]),
  norm("LayerNormalization of the last axis", "LayerNormalization", 17, [], [5]),
  norm("LayerNormalization from an axis on", "LayerNormalization", 17, [int("axis", 2), float("epsilon", 1e-3)], [3, 5]),
  one("LayerNormalization without a bias", 17, [2, 6], [node("LayerNormalization", ["x", "s"], ["y"])], [floats("s", random([6]))]),
  one(
    "LayerNormalization with its statistics",
    17,
    [2, 6],
    [node("LayerNormalization", ["x", "s"], ["n", "m", "d"]), node("Add", ["m", "d"], ["t"]), node("Mul", ["n", "t"], ["y"])],
    [floats("s", random([6]))],
  ),
  one("Gelu", 20, [3, 7], [node("Gelu", ["x"], ["y"])]),
  one("Gelu by tanh", 20, [3, 7], [node("Gelu", ["x"], ["y"], [text("approximate", "tanh")])]),
  one("Mish", 18, [3, 7], [node("Mish", ["x"], ["y"])]),
  one("Elu", 7, [3, 7], [node("Elu", ["x"], ["y"], [float("alpha", 0.5)])]),
  one("PRelu along channels", 9, [2, 3, 4, 4], [node("PRelu", ["x", "s"], ["y"])], [floats("s", random([3, 1, 1]))]),
  one(
    "CumSum from the end, itself left out",
    11,
    [2, 5],
    [node("CumSum", ["x", "a"], ["y"], [int("exclusive", 1), int("reverse", 1)])],
    [longs("a", [-1], [])],
  ),
  one("Tile", 13, [2, 3], [node("Tile", ["x", "r"], ["y"])], [longs("r", [3, 2])]),
  one("Tile of nothing more", 13, [2, 3], [node("Tile", ["x", "r"], ["t"]), node("Relu", ["t"], ["y"])], [longs("r", [1, 1])]),
  one(
    "OneHot of computed indices",
    11,
    [2, 3],
    [node("Floor", ["x"], ["i"]), node("OneHot", ["i", "d", "v"], ["y"], [int("axis", 1)])],
    [floats("d", tensor(3)), floats("v", tensor([-1, 5]))],
  ),
  one(
    "OneHot of known indices",
    11,
    [4],
    [node("OneHot", ["i", "d", "v"], ["h"]), node("Mul", ["x", "h"], ["y"])],
    [longs("i", [0, -1, 2, 7]), longs("d", [4]), floats("v", tensor([0, 2]))],
  ),
  one("Trilu above", 14, [2, 4, 5], [node("Trilu", ["x", "k"], ["y"])], [longs("k", [-1], [])]),
  one("Trilu below", 14, [4, 5], [node("Trilu", ["x"], ["y"], [int("upper", 0)])]),
  scattered("ScatterElements", "ScatterElements", 11, [int("axis", 1)]),
  scattered("ScatterElements that adds", "ScatterElements", 16, [text("reduction", "add")]),
  scattered("Scatter", "Scatter", 9, [int("axis", 1)]),
  one(
    "GatherElements from the end",
    13,
    [3, 4],
    [node("GatherElements", ["x", "i"], ["y"], [int("axis", 1)])],
    [longs("i", [-1, 0, 3, -4], [2, 2])],
  ),
  grid("GridSample", 16, []),
  ...["zeros", "border", "reflection"].map((padding) =>
    grid(`GridSample by cubic convolution, ${padding} outside`, 20, [text("mode", "cubic"), text("padding_mode", padding)]),
  ),
  grid("GridSample by cubic convolution with aligned corners", 20, [text("mode", "cubic"), int("align_corners", 1)]),
  grid("GridSample of opset 16 by the nearest pixel", 16, [text("mode", "nearest"), text("padding_mode", "border")]),
  grid("GridSample mirrored", 20, [text("mode", "linear"), text("padding_mode", "reflection"), int("align_corners", 1)]),
  one(
    "a choice by a comparison",
    13,
    [2, 3],
    [node("Greater", ["x", "z"], ["c"]), node("Where", ["c", "x", "z"], ["y"])],
    [floats("z", tensor(0))],
  ),
  one(
    "a choice that is known",
    13,
    [3],
    [node("Equal", ["a", "b"], ["c"]), node("Where", ["c", "x", "z"], ["y"])],
    [longs("a", [1, 2, 3]), longs("b", [1, 0, 3]), floats("z", tensor(0))],
  ),
  one(
    "a comparison as numbers",
    13,
    [2, 3],
    [node("LessOrEqual", ["x", "z"], ["c"]), node("Cast", ["c"], ["f"], [int("to", DataType.FLOAT)]), node("Add", ["f", "x"], ["y"])],
    [floats("z", tensor(0))],
  ),
  one("LogSoftmax that flattens", 11, [2, 3, 4], [node("LogSoftmax", ["x"], ["y"], [int("axis", 1)])]),
  one("ReduceLogSumExp", 13, [2, 3, 4], [node("ReduceLogSumExp", ["x"], ["y"], [ints("axes", [-1, 0])])]),
  one(
    "Sin, Cos, Erf, Atan, Round, Ceil and Sign",
    13,
    [9],
    [
      ...["Sin", "Cos", "Erf", "Atan", "Round", "Ceil", "Sign"].map((type, i) => node(type, ["x"], [`t${i}`])),
      ...[0, 1, 2, 3, 4, 5].map((i) => node("Add", [i === 0 ? "t0" : `s${i - 1}`, `t${i + 1}`], [i === 5 ? "y" : `s${i}`])),
    ],
  ),
];

/** The graph of a file, written anew, and what a runtime makes of it. */
async function rewritten(options: FileOptions): Promise<number> {
  const graph = importOnnx(file(options));
  const x = random(graph.inputs[0].shape, 7);
  const theirs = await runInRuntime(exportOnnx(graph), { x }, "disabled");
  return gap(graph.forward(x).y, theirs.y);
}

describe("imported operators agree with the runtime, and so does the file written again", () => {
  for (const { title, options } of rows) {
    test(title, async () => {
      expect(await agreement(options)).toBeLessThan(4e-6);
      expect(await rewritten(options)).toBeLessThan(4e-6);
    });
  }

  test("GroupNormalization with one scale a group scales each of its channels", () => {
    const { options } = norm("", "GroupNormalization", 18, [int("num_groups", 2)], [2]);
    const wide = [0, 1].map((i) => ({ shape: [4], data: [0, 0, 1, 1].map((g) => random([2], i + 1).data[g]) }));
    const perChannel = {
      ...norm("", "GroupNormalization", 21, [int("num_groups", 2)], [4]).options,
      initializers: ["s", "b"].map((name, i) => floats(name, tensor(wide[i].data))),
    };
    const x = random([2, 4, 3, 5], 7);
    expect(gap(importOnnx(file(options)).forward(x).y, importOnnx(file(perChannel)).forward(x).y)).toBeLessThan(1e-6);
  });
});

test("a quantized network with such operators means the same to the runtime", async () => {
  const graph = importOnnx(
    file({
      opset: 20,
      input: [1, 3, 8, 8],
      nodes: [
        node("Conv", ["x", "w"], ["c"]),
        node("Gelu", ["c"], ["a"]),
        node("InstanceNormalization", ["a", "s", "b"], ["n"]),
        node("GridSample", ["n", "g"], ["p"], [text("mode", "linear"), text("padding_mode", "border")]),
        node("Conv", ["p", "v"], ["d"]),
        node("Greater", ["d", "z"], ["t"]),
        node("Where", ["t", "d", "z"], ["y"]),
      ],
      initializers: [
        ...[floats("w", random([4, 3, 3, 3])), floats("v", random([2, 4, 1, 1], 2)), floats("z", tensor(0.25))],
        ...[floats("s", random([4], 3)), floats("b", random([4], 4)), floats("g", random([1, 5, 5, 2], 5))],
      ],
    }),
  );
  const x = random([1, 3, 8, 8], 7);
  const plan = minmaxPlan(graph, x, 8, 8);
  const theirs = await runInRuntime(exportOnnx(graph, plan), { x }, "disabled");
  expect(gap(theirs.y, graph.forward(x, tapOf(graph, plan)).y)).toBeLessThan(2e-2);
});

describe("refused, with the node's name", () => {
  const refused: readonly (readonly [string, Row])[] = [
    ["approximate must be none or tanh, got quick", one("", 20, [2], [node("Gelu", ["x"], ["y"], [text("approximate", "quick")])])],
    ["num_groups must divide the 4 channels, got 3", norm("", "GroupNormalization", 21, [int("num_groups", 3)], [4])],
    ["scale must have shape [4], got [3]", norm("", "InstanceNormalization", 13, [], [3])],
    ["input must have at least 3 dimensions, got 2", norm("", "InstanceNormalization", 13, [], [4], [2, 4])],
    ["mode must be one of bilinear, linear, nearest, bicubic, cubic, got area", grid("", 20, [text("mode", "area")])],
    ["padding_mode must be one of zeros, border, reflection, got wrap", grid("", 20, [text("padding_mode", "wrap")])],
    ["reduction must be none, add, mul, max or min, got mean", scattered("", "ScatterElements", 16, [text("reduction", "mean")])],
    ["repeats must hold 2 numbers >= 0, got [2]", one("", 13, [2, 3], [node("Tile", ["x", "r"], ["y"])], [longs("r", [2])])],
    [
      "depth must be in 1..1048576 and values two numbers, got 0 and 2",
      one("", 11, [2], [node("OneHot", ["x", "d", "v"], ["y"])], [longs("d", [0]), floats("v", tensor([0, 1]))]),
    ],
    [
      "every index must be in [-4, 4), got -5",
      one("", 13, [3, 4], [node("GatherElements", ["x", "i"], ["y"], [int("axis", 1)])], [longs("i", [-5], [1, 1])]),
    ],
    [
      "the target must be a numeric type known here, got STRING",
      one("", 13, [2], [node("Cast", ["x"], ["y"], [int("to", DataType.STRING)])]),
    ],
  ];
  for (const [message, { options }] of refused) test(message, () => expect(() => importOnnx(file(options))).toThrow(message));
});
