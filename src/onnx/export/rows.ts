import { ArgumentError } from "../../errors.ts";
import {
  type AnyOp,
  amax,
  amin,
  avgPool2d,
  type Conv2dAttrs,
  conv2d,
  convTranspose2d,
  l1Norm,
  logSoftmax,
  logSumExp,
  type MaxPool2dAttrs,
  type Meta,
  matmul,
  maxPool2d,
  mean,
  type OpDef,
  type ReduceAttrs,
  softmax,
  sum,
} from "../../tensor/index.ts";
import type { AttributeInit } from "../protobuf.ts";
import { int, ints } from "./attribute.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { type ExportRow, finish, row, same } from "./row.ts";
import { shaping } from "./shaping.ts";
import type { ExportCall } from "./writer.ts";

const onnxPads = ([top, bottom, left, right]: readonly number[]): number[] => [top, left, bottom, right];

function convAttributes(attrs: Conv2dAttrs, weight: readonly number[]): AttributeInit[] {
  return [
    ints("dilations", attrs.dilation),
    int("group", attrs.groups),
    ints("kernel_shape", weight.slice(2)),
    ints("pads", onnxPads(attrs.padding)),
    ints("strides", attrs.stride),
  ];
}

const convolutions: readonly ExportRow[] = [
  row(conv2d, ({ writer, node, attrs, inputs, outputs, metas }) =>
    writer.node(node.name, "Conv", inputs, outputs, convAttributes(attrs, metas[1].shape)),
  ),
  row(convTranspose2d, ({ writer, node, attrs, inputs, outputs, metas }) =>
    writer.node(node.name, "ConvTranspose", inputs, outputs, [
      ...convAttributes(attrs, metas[1].shape),
      ints("output_padding", attrs.outputPadding),
    ]),
  ),
  same(matmul, "MatMul"),
];

/**
 * Pads that make a window of floor mode give the positions of ceil mode. ONNX counts a last window that starts
 * behind the input, PyTorch and we do not; explicit pads mean the same to both.
 */
function poolPads({ metas }: ExportCall, out: Meta, window: MaxPool2dAttrs): number[] {
  const [top, bottom, left, right] = window.padding;
  const end = (axis: 0 | 1, before: number, after: number): number => {
    const reach = (out.shape[2 + axis] - 1) * window.stride[axis] + window.dilation[axis] * (window.kernel[axis] - 1) + 1;
    return Math.max(after, reach - metas[0].shape[2 + axis] - before);
  };
  return [top, left, end(0, top, bottom), end(1, left, right)];
}

const pools: readonly ExportRow[] = [
  row(maxPool2d, (call) => {
    const { kernel, stride, dilation } = call.attrs;
    const pads = poolPads(call, maxPool2d.def.infer(call.metas, call.attrs)[0], call.attrs);
    finish(call, "MaxPool", call.inputs, [
      ints("dilations", dilation),
      ints("kernel_shape", kernel),
      ints("pads", pads),
      ints("strides", stride),
    ]);
  }),
  row(avgPool2d, (call) => {
    const { kernel, stride, padding, ceilMode, countIncludePad } = call.attrs;
    const pads = poolPads(call, avgPool2d.def.infer(call.metas, call.attrs)[0], { ...call.attrs, dilation: [1, 1] });
    if (ceilMode && countIncludePad && String(pads) !== String(onnxPads(padding))) {
      throw new ArgumentError(
        "exportOnnx",
        `averages must not count padding that ceil mode adds, got a window that does (node "${call.node.name}")`,
      );
    }
    const counted = int("count_include_pad", Number(countIncludePad));
    finish(call, "AveragePool", call.inputs, [counted, ints("kernel_shape", kernel), ints("pads", pads), ints("strides", stride)]);
  }),
];

/** Axes move from an attribute to an input at opset 13 (ReduceSum) or 18 (the others). */
const reduce = (op: { readonly def: OpDef<ReduceAttrs> }, type: string, inputFrom: number): ExportRow =>
  row(op, (call) => {
    const keep = int("keepdims", Number(call.attrs.keepdim));
    if (call.attrs.dim.length === 0) return finish(call, "Identity", call.inputs);
    if (call.writer.opset < inputFrom) return finish(call, type, call.inputs, [ints("axes", call.attrs.dim), keep]);
    return finish(call, type, [call.inputs[0], call.writer.longs(`${call.outputs[0]}/axes`, [...call.attrs.dim])], [keep]);
  });

/** The magnitudes themselves where no axis is reduced. */
const sumOfMagnitudes: ExportRow = row(l1Norm, (call) =>
  call.attrs.dim.length === 0 ? finish(call, "Abs", call.inputs) : reduce(l1Norm, "ReduceL1", 18).write(call as ExportCall),
);

const reductions: readonly ExportRow[] = [
  reduce(mean, "ReduceMean", 18),
  reduce(sum, "ReduceSum", 13),
  reduce(amax, "ReduceMax", 18),
  reduce(amin, "ReduceMin", 18),
  reduce(logSumExp, "ReduceLogSumExp", 18),
  sumOfMagnitudes,
  same(softmax, "Softmax", ({ dim }) => [int("axis", dim)]),
  same(logSoftmax, "LogSoftmax", ({ dim }) => [int("axis", dim)]),
];

/** Every op that can be exported, but for fakeQuant, which `quantize.ts` writes. */
export const exportRows: ReadonlyMap<AnyOp, ExportRow> = new Map(
  [...convolutions, ...pools, ...elementwise, ...shaping, ...indexing, ...reductions].map((r) => [r.op, r]),
);
