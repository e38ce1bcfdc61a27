import { ArgumentError } from "../../errors.ts";
import {
  type AnyOp,
  abs,
  add,
  amax,
  amin,
  avgPool2d,
  batchNorm,
  type Conv2dAttrs,
  ceil,
  clamp,
  concat,
  conv2d,
  convTranspose2d,
  cos,
  div,
  exp,
  expand,
  floor,
  gather,
  hardsigmoid,
  hardswish,
  indexSelect,
  interpolate,
  leakyRelu,
  log,
  logSigmoid,
  logSoftmax,
  logSumExp,
  type MaxPool2dAttrs,
  type Meta,
  matmul,
  maximum,
  maxPool2d,
  mean,
  minimum,
  mul,
  neg,
  type OpDef,
  type PadMode,
  pad,
  permute,
  pow,
  type ReduceAttrs,
  reciprocal,
  relu,
  relu6,
  reshape,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  slice,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  tanh,
} from "../../tensor/index.ts";
import type { AttributeInit } from "../protobuf.ts";
import { float, int, ints, text } from "./attribute.ts";
import type { ExportCall } from "./writer.ts";

/** How one op of ours is written in ONNX, at opset 13 and at 21. */
interface ExportRow {
  readonly op: AnyOp;
  write(call: ExportCall): void;
}

/** A row whose attributes have the op's own type. */
function row<A>({ def }: { readonly def: OpDef<A> }, write: (call: ExportCall<A>) => void): ExportRow {
  return { op: def, write: (call) => write(call as ExportCall<A>) };
}

/** One ONNX node with the op's inputs and outputs. */
const same = <A>(op: { readonly def: OpDef<A> }, type: string, attributes: (attrs: A) => AttributeInit[] = () => []): ExportRow =>
  row(op, ({ writer, node, attrs, inputs, outputs }) => writer.node(node.name, type, inputs, outputs, attributes(attrs)));

/** An inner tensor and the node that writes it. */
function step<A>(
  { writer, node, outputs }: ExportCall<A>,
  label: string,
  type: string,
  inputs: readonly string[],
  attributes: AttributeInit[] = [],
): string {
  const output = writer.freshName(`${outputs[0]}/${label}`);
  writer.node(writer.freshNodeName(`${node.name}/${label}`), type, inputs, [output], attributes);
  return output;
}

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

const SIXTH = [float("alpha", 1 / 6), float("beta", 0.5)];

const elementwise: readonly ExportRow[] = [
  same(relu, "Relu"),
  same(sigmoid, "Sigmoid"),
  same(tanh, "Tanh"),
  same(exp, "Exp"),
  same(log, "Log"),
  same(sqrt, "Sqrt"),
  same(abs, "Abs"),
  same(neg, "Neg"),
  same(floor, "Floor"),
  same(ceil, "Ceil"),
  same(round, "Round"),
  same(sign, "Sign"),
  same(sin, "Sin"),
  same(cos, "Cos"),
  same(reciprocal, "Reciprocal"),
  same(add, "Add"),
  same(sub, "Sub"),
  same(mul, "Mul"),
  same(div, "Div"),
  same(pow, "Pow"),
  same(maximum, "Max"),
  same(minimum, "Min"),
  same(hardsigmoid, "HardSigmoid", () => SIXTH),
  same(leakyRelu, "LeakyRelu", ({ slope }) => [float("alpha", slope)]),
  row(silu, (call) => finish(call, "Mul", [call.inputs[0], step(call, "sigmoid", "Sigmoid", call.inputs)])),
  row(hardswish, (call) => finish(call, "Mul", [call.inputs[0], step(call, "hardSigmoid", "HardSigmoid", call.inputs, SIXTH)])),
  row(square, (call) => finish(call, "Mul", [call.inputs[0], call.inputs[0]])),
  row(rsqrt, (call) => finish(call, "Reciprocal", [step(call, "sqrt", "Sqrt", call.inputs)])),
  row(logSigmoid, (call) => finish(call, "Neg", [step(call, "softplus", "Softplus", [step(call, "neg", "Neg", call.inputs)])])),
  row(softplus, (call) => {
    if (call.attrs.beta === 1) return finish(call, "Softplus", call.inputs);
    const beta = call.writer.floats(`${call.outputs[0]}/beta`, [call.attrs.beta], []);
    const scaled = step(call, "scaled", "Mul", [call.inputs[0], beta]);
    return finish(call, "Div", [step(call, "softplus", "Softplus", [scaled]), beta]);
  }),
  row(relu6, (call) => clip(call, 0, 6)),
  row(clamp, (call) => clip(call, call.attrs.min, call.attrs.max)),
  same(batchNorm, "BatchNormalization", ({ eps }) => [float("epsilon", eps)]),
];

function finish<A>(
  { writer, node, outputs }: ExportCall<A>,
  type: string,
  inputs: readonly string[],
  attributes: AttributeInit[] = [],
): void {
  writer.node(node.name, type, inputs, outputs, attributes);
}

function clip<A>(call: ExportCall<A>, min: number, max: number): void {
  const bound = (label: string, value: number): string =>
    Number.isFinite(value) ? call.writer.floats(`${call.outputs[0]}/${label}`, [value], []) : "";
  finish(call, "Clip", [call.inputs[0], bound("min", min), bound("max", max)]);
}

const PAD_MODES: Readonly<Record<PadMode, string | undefined>> = {
  constant: "constant",
  reflect: "reflect",
  replicate: "edge",
  circular: undefined, // "wrap" exists from opset 19 only
};

const shaping: readonly ExportRow[] = [
  same(concat, "Concat", ({ dim }) => [int("axis", dim)]),
  same(permute, "Transpose", ({ perm }) => [ints("perm", perm)]),
  same(indexSelect, "Gather", ({ dim }) => [int("axis", dim)]),
  same(gather, "GatherElements", ({ dim }) => [int("axis", dim)]),
  row(reshape, (call) => finish(call, "Reshape", [call.inputs[0], call.writer.longs(`${call.outputs[0]}/shape`, [...call.attrs.shape])])),
  row(expand, (call) => finish(call, "Expand", [call.inputs[0], call.writer.longs(`${call.outputs[0]}/shape`, [...call.attrs.shape])])),
  row(slice, (call) => {
    const { start, end, dim, step: stride } = call.attrs;
    const bounds = [
      ["starts", start],
      ["ends", end],
      ["axes", dim],
      ["steps", stride],
    ] as const;
    finish(call, "Slice", [call.inputs[0], ...bounds.map(([label, value]) => call.writer.longs(`${call.outputs[0]}/${label}`, [value]))]);
  }),
  row(pad, (call) => {
    const { pads, mode, value } = call.attrs;
    const rank = call.metas[0].shape.length;
    const name = PAD_MODES[mode];
    if (name === undefined)
      throw new ArgumentError("exportOnnx", `padding must be constant, reflect or replicate, got ${mode} (node "${call.node.name}")`);
    const at = (axis: number, side: number): number => pads[2 * (rank - 1 - axis) + side] ?? 0;
    const axes = Array.from({ length: rank }, (_, i) => i);
    const amounts = call.writer.longs(`${call.outputs[0]}/pads`, [...axes.map((a) => at(a, 0)), ...axes.map((a) => at(a, 1))]);
    const fill = mode === "constant" && value !== 0 ? [call.writer.floats(`${call.outputs[0]}/value`, [value], [])] : [];
    finish(call, "Pad", [call.inputs[0], amounts, ...fill], [text("mode", name)]);
  }),
  row(interpolate, (call) => {
    const { size, step: stride, mode, coordinate, rounding } = call.attrs;
    const { shape } = call.metas[0];
    const scales = stride.map((s) => Math.fround(1 / s));
    const byScale = scales.every((s, i) => Math.floor(shape[2 + i] * s) === size[i] && s * stride[i] === 1);
    const target = byScale
      ? ["", call.writer.floats(`${call.outputs[0]}/scales`, [1, 1, ...scales])]
      : ["", "", call.writer.longs(`${call.outputs[0]}/sizes`, [shape[0], shape[1], ...size])];
    finish(
      call,
      "Resize",
      [call.inputs[0], ...target],
      [
        text("coordinate_transformation_mode", coordinate),
        text("mode", mode === "nearest" ? "nearest" : "linear"),
        text("nearest_mode", rounding),
      ],
    );
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

const reductions: readonly ExportRow[] = [
  reduce(mean, "ReduceMean", 18),
  reduce(sum, "ReduceSum", 13),
  reduce(amax, "ReduceMax", 18),
  reduce(amin, "ReduceMin", 18),
  reduce(logSumExp, "ReduceLogSumExp", 18),
  same(softmax, "Softmax", ({ dim }) => [int("axis", dim)]),
  same(logSoftmax, "LogSoftmax", ({ dim }) => [int("axis", dim)]),
];

/** Every op that can be exported, but for fakeQuant, which `quantize.ts` writes. */
export const exportRows: ReadonlyMap<AnyOp, ExportRow> = new Map(
  [...convolutions, ...pools, ...elementwise, ...shaping, ...reductions].map((r) => [r.op, r]),
);
