import type { Operand } from "../../../graph/index.ts";
import { amax, amin, clamp, div, matmul, maximum, minimum, mul, neg, round, sizeOf, sub } from "../../../tensor/index.ts";
import { DataType } from "../../protobuf.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { convolvedWhole } from "./convolution.ts";
import { quantized } from "./quantize.ts";

/** Codes less their zero point in f64, in which sums of products of 16-bit numbers are exact. */
function centred(call: NodeCall, label: string, codes: Operand, zero: Operand | undefined, shape: readonly number[]): Operand {
  const real = call.converted(`${label}Real`, codes, "f64");
  if (!zero) return real;
  const from = call.converted(`${label}Zero`, placed(call, `${label}ZeroPlaced`, zero, shape), "f64");
  return call.emit(`${label}Centred`, sub, [real, from], {});
}

/** A parameter of one entry as a scalar, one of more in `shape`. */
const placed = (call: NodeCall, label: string, p: Operand, shape: readonly number[]): Operand =>
  call.shaped(label, p, sizeOf(p.meta.shape) === 1 ? [] : shape);

/** One entry for each filter. */
const perFilter = (weight: Operand): number[] => [weight.meta.shape[0], ...new Array<number>(weight.meta.shape.length - 1).fill(1)];

const convInteger: OperatorRow = {
  type: "ConvInteger",
  build(call) {
    const [x, weight] = [call.input(0), call.input(1)];
    const filters = centred(call, "w", weight, call.optional(3), perFilter(weight));
    call.settle(call.converted("whole", convolvedWhole(call, centred(call, "x", x, call.optional(2), []), filters, []), "i32"));
  },
};

/** One entry for each row of a matrix; columns broadcast as they are. */
const perRow = (a: Operand): number[] => [a.meta.shape.at(-2) ?? 1, 1];
const perColumn = (b: Operand): number[] => [b.meta.shape.at(-1) ?? 1];

const matMulInteger: OperatorRow = {
  type: "MatMulInteger",
  build(call) {
    const [a, b] = [call.input(0), call.input(1)];
    const left = centred(call, "a", a, call.optional(2), perRow(a));
    const right = centred(call, "b", b, call.optional(3), perColumn(b));
    call.settle(call.converted("whole", call.emit("product", matmul, [left, right], {}), "i32"));
  },
};

/** Whole sums times the product of both scales, as codes of the scale and zero point at inputs 6 and 7. */
function requantized(call: NodeCall, sums: Operand, first: Operand, second: Operand): void {
  const wide = [first, second].map((scale, i) => call.converted(`scale${i}`, scale, "f64"));
  const real = call.emit("real", mul, [sums, call.emit("scales", mul, wide, {})], {});
  const zero = call.input(7);
  const stored = zero.meta.dtype === "i8" ? DataType.INT8 : DataType.UINT8;
  call.settle(quantized(call, real, { scale: call.input(6), zero, axis: null, stored }));
}

const qLinearConv: OperatorRow = {
  type: "QLinearConv",
  build(call) {
    const [x, xScale, xZero, weight, wScale, wZero] = [0, 1, 2, 3, 4, 5].map((i) => call.input(i));
    const bias = call.optional(8);
    const filters = centred(call, "w", weight, wZero, perFilter(weight));
    const sums = convolvedWhole(call, centred(call, "x", x, xZero, []), filters, bias ? [call.converted("bias", bias, "f64")] : []);
    const own = placed(call, "wScale", wScale, perFilter(weight).slice(0, -1));
    requantized(call, sums, placed(call, "xScale", xScale, []), own);
  },
};

const qLinearMatMul: OperatorRow = {
  type: "QLinearMatMul",
  build(call) {
    const [a, aScale, aZero, b, bScale, bZero] = [0, 1, 2, 3, 4, 5].map((i) => call.input(i));
    const [left, right] = [centred(call, "a", a, aZero, perRow(a)), centred(call, "b", b, bZero, perColumn(b))];
    const sums = call.emit("product", matmul, [left, right], {});
    requantized(call, sums, placed(call, "aScale", aScale, perRow(a)), placed(call, "bScale", bScale, perColumn(b)));
  },
};

/** Codes 0 to 255 over the range of the input, which always takes 0 in; the scale and zero point are outputs too. */
const dynamicQuantizeLinear: OperatorRow = {
  type: "DynamicQuantizeLinear",
  build(call) {
    const x = call.input(0);
    const all = { dim: x.meta.shape.map((_, i) => i), keepdim: false };
    const none = call.number("none", 0, x);
    const largest = call.emit("largest", maximum, [call.emit("max", amax, [x], all), none], {});
    const least = call.emit("least", minimum, [call.emit("min", amin, [x], all), none], {});
    const scale = call.emit("scale", div, [call.emit("span", sub, [largest, least], {}), call.number("steps", 255, x)], {});
    const start = call.emit("start", neg, [call.emit("lowest", div, [least, scale], {})], {});
    const whole = call.emit("wholeStart", round, [call.emit("inside", clamp, [start], { min: 0, max: 255 })], {});
    const zero = call.converted("zero", whole, "u8");
    call.settle(quantized(call, x, { scale, zero, axis: null, stored: DataType.UINT8 }));
    if (call.writes(1)) call.settle(scale, 1);
    if (call.writes(2)) call.settle({ ...zero, onnxType: DataType.UINT8 }, 2);
  },
};

export const integerRows: readonly OperatorRow[] = [convInteger, matMulInteger, qLinearConv, qLinearMatMul, dynamicQuantizeLinear];
