import { attr, floats, whole } from "./build.ts";
import { behindConv, binary, type Case, conv, fusedConv, node, PICTURE, random, reduction, T, unary, window } from "./caseParts.ts";

/** Layers, pools, resizing and element-wise operators. */
export const LAYER_CASES: readonly (readonly [string, Case])[] = [
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
  [
    "ClipByValue",
    { shape: PICTURE, nodes: [node("ClipByValue", ["x", "a", "b"])], weights: { a: floats([], [-0.5]), b: floats([], [0.75]) } },
  ],
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
];
