import { attr, floats, whole, wholeScalar } from "./build.ts";
import { behindConv, type Case, node, PICTURE, random } from "./caseParts.ts";

/** Products of matrices and operators that move values. */
export const SHAPE_CASES: readonly (readonly [string, Case])[] = [
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
      nodes: [node("MirrorPad", ["x", "p"], { mode: attr.text("REFLECT") })],
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
