import { beforeAll, describe, expect, test } from "vitest";
import { Rng, sizeOf, uniform } from "../../src/tensor/index.ts";
import { importTfjs } from "../../src/tfjs/index.ts";
import { operators } from "../../src/tfjs/operators/index.ts";
import { attr, floats, graphModel, type PartialNode, type Weight, whole, wholeScalar } from "./build.ts";
import { loadTfjs, startTfjs } from "./runtime.ts";

beforeAll(startTfjs);

/** One node behind the input "x", or several; the last one is the output. */
interface Case {
  readonly shape: readonly number[];
  readonly nodes: readonly PartialNode[];
  readonly weights?: Readonly<Record<string, Weight>>;
  /** Output tensor; default the last node. */
  readonly output?: string;
  /** Range of the input; default [-2, 2]. */
  readonly range?: readonly [number, number];
}

const PICTURE = [1, 7, 6, 4];
const T = attr.type("DT_FLOAT");
const random = (seed: number, ...shape: number[]): Weight => floats(shape, uniform(shape, new Rng(seed), -1, 1).data);
const window = (size: number, step: number, padding: string) => ({
  ksize: attr.ints(1, size, size, 1),
  strides: attr.ints(1, step, step, 1),
  padding: attr.text(padding),
  data_format: attr.text("NHWC"),
  T,
});
const conv = (step: number, padding: string, more: object = {}) => ({
  strides: attr.ints(1, step, step, 1),
  dilations: attr.ints(1, 1, 1, 1),
  padding: attr.text(padding),
  data_format: attr.text("NHWC"),
  T,
  ...more,
});
const node = (op: string, input: string[], more: object = {}, name = "y"): PartialNode => ({ name, op, input, attr: { T, ...more } });
/** Brings the input into channels-first order first, as it is behind a convolution. */
const behindConv = (then: readonly PartialNode[], weights: Readonly<Record<string, Weight>> = {}): Case => ({
  shape: PICTURE,
  nodes: [node("Conv2D", ["x", "w1"], conv(1, "SAME"), "c"), ...then],
  weights: { w1: random(9, 1, 1, 4, 4), ...weights },
});
const unary = (op: string, range?: readonly [number, number], more: object = {}): [string, Case] => [
  op,
  { shape: PICTURE, nodes: [node(op, ["x"], more)], ...(range && { range }) },
];
const binary = (op: string): [string, Case][] => [
  [`${op} with a constant per channel`, behindConv([node(op, ["c", "k"])], { k: random(2, 4) })],
  [`${op} of two maps`, behindConv([node("Sigmoid", ["c"], {}, "s"), node(op, ["s", "c"])])],
  [`${op} with a number in front`, behindConv([node(op, ["k", "c"])], { k: floats([], [0.75]) })],
];
const reduction = (op: string): [string, Case][] => [
  [`${op} over the picture`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(true) })], { a: whole(1, 2) })],
  [`${op} over the picture, axes dropped`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(false) })], { a: whole(1, 2) })],
  [`${op} over channels, axes dropped`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(false) })], { a: whole(3) })],
  [`${op} over rows, axes dropped`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(false) })], { a: whole(1) })],
];

const fusedConv = (...ops: string[]): Case => ({
  shape: PICTURE,
  nodes: [
    node(
      "_FusedConv2D",
      ["x", "w", "b", ...(ops.includes("Prelu") ? ["p"] : [])],
      conv(2, "SAME", { fused_ops: attr.texts(...ops), num_args: attr.int(1), leakyrelu_alpha: attr.float(0.1) }),
    ),
  ],
  weights: { w: random(1, 3, 3, 4, 5), b: random(2, 5), p: random(3, 5) },
});

const CASES: readonly (readonly [string, Case])[] = [
  [
    "Conv2D SAME, stride 2",
    { shape: PICTURE, nodes: [node("Conv2D", ["x", "w"], conv(2, "SAME"))], weights: { w: random(1, 3, 3, 4, 5) } },
  ],
  ["Conv2D VALID", { shape: PICTURE, nodes: [node("Conv2D", ["x", "w"], conv(1, "VALID"))], weights: { w: random(1, 3, 2, 4, 5) } }],
  [
    "Conv2D dilated",
    {
      shape: PICTURE,
      nodes: [node("Conv2D", ["x", "w"], conv(1, "SAME", { dilations: attr.ints(1, 2, 2, 1) }))],
      weights: { w: random(1, 3, 3, 4, 5) },
    },
  ],
  ["BiasAdd", behindConv([node("BiasAdd", ["c", "b"])], { b: random(4, 4) })],
  ["_FusedConv2D with a bias", fusedConv("BiasAdd")],
  ...["Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu", "Prelu"].map((a): [string, Case] => [
    `_FusedConv2D with ${a}`,
    fusedConv("BiasAdd", a),
  ]),
  [
    "DepthwiseConv2dNative, stride 2",
    { shape: PICTURE, nodes: [node("DepthwiseConv2dNative", ["x", "w"], conv(2, "SAME"))], weights: { w: random(1, 3, 3, 4, 1) } },
  ],
  [
    "DepthwiseConv2dNative with 2 filters a channel",
    { shape: PICTURE, nodes: [node("DepthwiseConv2dNative", ["x", "w"], conv(1, "SAME"))], weights: { w: random(1, 3, 3, 4, 2) } },
  ],
  [
    "FusedDepthwiseConv2dNative",
    {
      shape: PICTURE,
      nodes: [
        node(
          "FusedDepthwiseConv2dNative",
          ["x", "w", "b"],
          conv(1, "SAME", { fused_ops: attr.texts("BiasAdd", "Relu6"), num_args: attr.int(1) }),
        ),
      ],
      weights: { w: random(1, 5, 5, 4, 1), b: random(2, 4) },
    },
  ],
  [
    "Conv2DBackpropInput SAME",
    {
      shape: PICTURE,
      nodes: [node("Conv2DBackpropInput", ["s", "w", "x"], conv(2, "SAME"))],
      weights: { s: whole(1, 14, 12, 5), w: random(1, 4, 4, 5, 4) },
    },
  ],
  [
    "Conv2DBackpropInput VALID",
    {
      shape: PICTURE,
      nodes: [node("Conv2DBackpropInput", ["s", "w", "x"], conv(2, "VALID"))],
      weights: { s: whole(1, 15, 13, 5), w: random(1, 3, 3, 5, 4) },
    },
  ],
  ...["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"].map((op): [string, Case] => [
    op,
    behindConv(
      [node(op, ["c", "g", "b", "m", "v"], { epsilon: attr.float(0.001), is_training: attr.bool(false), data_format: attr.text("NHWC") })],
      {
        g: random(1, 4),
        b: random(2, 4),
        m: random(3, 4),
        v: floats([4], [0.5, 1, 2, 3]),
      },
    ),
  ]),
  [
    "a batch norm with nothing to fold into",
    {
      shape: PICTURE,
      nodes: [node("FusedBatchNormV3", ["x", "g", "b", "m", "v"], { epsilon: attr.float(0.001), is_training: attr.bool(false) })],
      weights: { g: random(1, 4), b: random(2, 4), m: random(3, 4), v: floats([4], [0.5, 1, 2, 3]) },
    },
  ],
  ["MaxPool SAME", { shape: PICTURE, nodes: [node("MaxPool", ["x"], window(3, 2, "SAME"))] }],
  ["MaxPool VALID", { shape: PICTURE, nodes: [node("MaxPool", ["x"], window(2, 2, "VALID"))] }],
  ["AvgPool SAME", { shape: PICTURE, nodes: [node("AvgPool", ["x"], window(3, 2, "SAME"))] }],
  ...["Mean", "Sum", "Max", "Min"].flatMap(reduction),
  [
    "ResizeBilinear",
    behindConv([node("ResizeBilinear", ["c", "s"], { align_corners: attr.bool(false), half_pixel_centers: attr.bool(false) })], {
      s: whole(14, 12),
    }),
  ],
  [
    "ResizeBilinear, half pixels",
    behindConv([node("ResizeBilinear", ["c", "s"], { half_pixel_centers: attr.bool(true) })], { s: whole(9, 17) }),
  ],
  [
    "ResizeBilinear, corners aligned",
    behindConv([node("ResizeBilinear", ["c", "s"], { align_corners: attr.bool(true) })], { s: whole(9, 17) }),
  ],
  ["ResizeNearestNeighbor", behindConv([node("ResizeNearestNeighbor", ["c", "s"], {})], { s: whole(14, 12) })],
  [
    "ResizeNearestNeighbor, half pixels",
    behindConv([node("ResizeNearestNeighbor", ["c", "s"], { half_pixel_centers: attr.bool(true) })], { s: whole(10, 11) }),
  ],
  unary("Abs"),
  unary("Ceil"),
  unary("Cos"),
  unary("Erf"),
  unary("Exp"),
  unary("Floor"),
  unary("Log", [0.1, 4]),
  unary("Neg"),
  unary("Reciprocal", [0.5, 2]),
  unary("Relu"),
  unary("Relu6"),
  unary("Round"),
  unary("Rsqrt", [0.5, 4]),
  unary("Sigmoid"),
  unary("Sign"),
  unary("Sin"),
  unary("Sqrt", [0, 4]),
  unary("Square"),
  unary("Tanh"),
  unary("Softplus"),
  unary("Elu"),
  unary("LeakyRelu", undefined, { alpha: attr.float(0.3) }),
  unary("Identity"),
  unary("StopGradient"),
  unary("ClipByValue", undefined, { clip_value_min: attr.float(-0.5), clip_value_max: attr.float(0.75) }),
  ["Prelu", behindConv([node("Prelu", ["c", "k"])], { k: random(2, 4) })],
  ...["Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "SquaredDifference"].flatMap(binary),
  ["Pow", { shape: PICTURE, nodes: [node("Pow", ["x", "k"])], weights: { k: floats([], [2.5]) }, range: [0.1, 2] }],
  ["FloorDiv", { shape: PICTURE, nodes: [node("FloorDiv", ["x", "k"])], weights: { k: floats([], [0.75]) } }],
  ["AddN", behindConv([node("Relu", ["c"], {}, "r"), node("AddN", ["c", "r", "c"], { N: attr.int(3) })])],
  ["Softmax", behindConv([node("Softmax", ["c"])])],
  ["LogSoftmax", { shape: [2, 5], nodes: [node("LogSoftmax", ["x"])] }],
  [
    "Cast",
    {
      shape: PICTURE,
      nodes: [
        node("Cast", ["x"], { SrcT: T, DstT: attr.type("DT_INT32") }, "i"),
        node("Cast", ["i"], { SrcT: attr.type("DT_INT32"), DstT: T }),
      ],
    },
  ],
  [
    "MatMul",
    {
      shape: [3, 4],
      nodes: [node("MatMul", ["x", "w"], { transpose_a: attr.bool(false), transpose_b: attr.bool(true) })],
      weights: { w: random(1, 5, 4) },
    },
  ],
  [
    "_FusedMatMul",
    {
      shape: [3, 4],
      nodes: [node("_FusedMatMul", ["x", "w", "b"], { fused_ops: attr.texts("BiasAdd", "Relu"), num_args: attr.int(1) })],
      weights: { w: random(1, 4, 5), b: random(2, 5) },
    },
  ],
  [
    "BatchMatMulV2",
    {
      shape: [2, 3, 4],
      nodes: [node("BatchMatMulV2", ["x", "w"], { adj_x: attr.bool(false), adj_y: attr.bool(true) })],
      weights: { w: random(1, 2, 5, 4) },
    },
  ],
  [
    "ConcatV2 on channels",
    behindConv([node("Relu", ["c"], {}, "r"), node("ConcatV2", ["c", "r", "a"], { N: attr.int(2) })], { a: wholeScalar(3) }),
  ],
  [
    "ConcatV2 on rows",
    { shape: [2, 3], nodes: [node("ConcatV2", ["x", "k", "a"], { N: attr.int(2) })], weights: { k: random(1, 4, 3), a: wholeScalar(0) } },
  ],
  ["Reshape behind a convolution", behindConv([node("Reshape", ["c", "s"])], { s: whole(1, -1, 2) })],
  ["Squeeze", { shape: [1, 1, 6, 4], nodes: [node("Squeeze", ["x"], { squeeze_dims: attr.ints(1) })] }],
  ["ExpandDims", { shape: [6, 4], nodes: [node("ExpandDims", ["x", "a"])], weights: { a: wholeScalar(1) } }],
  ["Transpose", behindConv([node("Transpose", ["c", "p"])], { p: whole(0, 2, 3, 1) })],
  [
    "Shape",
    {
      shape: [2, 3, 4],
      nodes: [node("Shape", ["x"], { out_type: attr.type("DT_INT32") }, "s"), node("Reshape", ["k", "s"])],
      weights: { k: random(1, 24) },
    },
  ],
  ["Pack", { shape: [3, 4], nodes: [node("Relu", ["x"], {}, "r"), node("Pack", ["x", "r"], { axis: attr.int(1), N: attr.int(2) })] }],
  [
    "Unpack",
    { shape: [2, 3, 4], nodes: [node("Unpack", ["x"], { axis: attr.int(1), num: attr.int(3) }, "u"), node("Sub", ["u:1", "u:2"])] },
  ],
  [
    "Split on channels",
    behindConv([node("Split", ["a", "c"], { num_split: attr.int(2) }, "p"), node("Sub", ["p", "p:1"])], { a: wholeScalar(3) }),
  ],
  [
    "SplitV",
    {
      shape: [5, 2],
      nodes: [node("SplitV", ["x", "s", "a"], { num_split: attr.int(3) }, "p"), node("Relu", ["p:2"])],
      weights: { s: whole(1, 2, 2), a: wholeScalar(0) },
    },
  ],
  [
    "Pad behind a convolution",
    behindConv([node("Pad", ["c", "p"])], { p: { shape: [4, 2], data: Int32Array.of(0, 0, 1, 2, 3, 0, 0, 5) } }),
  ],
  [
    "PadV2",
    {
      shape: [2, 3],
      nodes: [node("PadV2", ["x", "p", "v"])],
      weights: { p: { shape: [2, 2], data: Int32Array.of(1, 0, 0, 2) }, v: floats([], [7]) },
    },
  ],
  [
    "MirrorPad",
    {
      shape: PICTURE,
      nodes: [node("MirrorPad", ["x", "p"], { mode: attr.text("reflect") })],
      weights: { p: { shape: [4, 2], data: Int32Array.of(0, 0, 1, 2, 2, 1, 0, 0) } },
    },
  ],
  [
    "Fill",
    {
      shape: [2, 3],
      nodes: [node("Fill", ["s", "v"], {}, "f"), node("Add", ["x", "f"])],
      weights: { s: whole(2, 3), v: floats([], [1.5]) },
    },
  ],
  ["Tile", { shape: [2, 3], nodes: [node("Tile", ["x", "m"])], weights: { m: whole(2, 3) } }],
  [
    "GatherV2",
    {
      shape: [4, 3],
      nodes: [node("GatherV2", ["x", "i", "a"], { batch_dims: attr.int(0) })],
      weights: { i: whole(3, 0, 0), a: wholeScalar(0) },
    },
  ],
  ["Slice behind a convolution", behindConv([node("Slice", ["c", "b", "s"])], { b: whole(0, 1, 2, 1), s: whole(1, 3, -1, 2) })],
  [
    "StridedSlice behind a convolution",
    behindConv(
      [
        node("StridedSlice", ["c", "b", "e", "s"], {
          begin_mask: attr.int(1),
          end_mask: attr.int(1),
          shrink_axis_mask: attr.int(0),
          new_axis_mask: attr.int(0),
          ellipsis_mask: attr.int(0),
        }),
      ],
      { b: whole(0, 1, 0, 1), e: whole(0, 6, 5, 3), s: whole(1, 2, 2, 1) },
    ),
  ],
  [
    "StridedSlice that picks and adds axes",
    {
      shape: [4, 5],
      nodes: [
        node("StridedSlice", ["x", "b", "e", "s"], {
          begin_mask: attr.int(0),
          end_mask: attr.int(0),
          shrink_axis_mask: attr.int(1),
          new_axis_mask: attr.int(2),
          ellipsis_mask: attr.int(0),
        }),
      ],
      weights: { b: whole(2, 0, 1), e: whole(3, 0, 4), s: whole(1, 1, 1) },
    },
  ],
];

/** Operators that need no case of their own: sources, and names that share a case's row. */
const ELSEWHERE = ["Const", "Placeholder", "TensorListStack", "PreventGradient", "CheckNumerics", "BatchMatMul"];

describe("operators of tfjs graph models give what tfjs gives", () => {
  test.each(CASES)("%s", async (_, { shape, nodes, weights = {}, output = nodes[nodes.length - 1].name, range = [-2, 2] }) => {
    const input = { name: "x", op: "Placeholder", attr: { dtype: T, shape: attr.shape(...shape) } };
    const { json, shard } = graphModel([input, ...nodes], weights);
    const graph = importTfjs(json, new Map([["weights.bin", shard]]));
    const x = uniform(shape, new Rng("operators"), ...range);
    const ours = graph.forward(x)[output];
    const theirs = await loadTfjs(json, [shard]);
    const [want] = theirs.run("x", x, [output]);
    expect(sizeOf(ours.shape)).toBe(want.length);
    const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
    want.forEach((v, i) => expect(Math.abs(ours.data[i] - v)).toBeLessThanOrEqual(1e-5 * largest));
  });

  test("every row has a case", () => {
    const covered = new Set([...CASES.flatMap(([, c]) => c.nodes.map((n) => n.op)), ...ELSEWHERE]);
    expect([...operators.keys()].filter((op) => !covered.has(op))).toEqual([]);
  });
});
