import { ArgumentError } from "../../errors.ts";
import {
  abs,
  add,
  atan,
  batchNorm,
  ceil,
  clamp,
  cos,
  div,
  elu,
  erf,
  exp,
  floor,
  hardsigmoid,
  hardswish,
  leakyRelu,
  log,
  logSigmoid,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  prelu,
  reciprocal,
  relu,
  relu6,
  round,
  roundFloat,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
} from "../../tensor/index.ts";
import { DataType } from "../protobuf.ts";
import { float, int } from "./attribute.ts";
import { type ExportRow, finish, row, same, step } from "./row.ts";
import { type ExportCall, ONNX_TYPE } from "./writer.ts";

const SIXTH = [float("alpha", 1 / 6), float("beta", 0.5)];

/** Maps from element to element. */
export const elementwise: readonly ExportRow[] = [
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
  same(atan, "Atan"),
  same(erf, "Erf"),
  same(elu, "Elu", ({ alpha }) => [float("alpha", alpha)]),
  same(prelu, "PRelu"),
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
  row(roundFloat, (call) => {
    const { format, toward } = call.attrs;
    if (format !== "float16" || toward !== "nearest") {
      throw new ArgumentError(
        "exportOnnx",
        `numbers must be rounded to the nearest float16, got ${format} toward ${toward} (node "${call.node.name}")`,
      );
    }
    const back = ONNX_TYPE[call.metas[0].dtype];
    finish(call, "Cast", [step(call, "half", "Cast", call.inputs, [int("to", DataType.FLOAT16)])], [int("to", back)]);
  }),
  row(relu6, (call) => clip(call, 0, 6)),
  row(clamp, (call) => clip(call, call.attrs.min, call.attrs.max)),
  same(batchNorm, "BatchNormalization", ({ eps }) => [float("epsilon", eps)]),
];

function clip<A>(call: ExportCall<A>, min: number, max: number): void {
  const bound = (label: string, value: number): string =>
    Number.isFinite(value) ? call.writer.floats(`${call.outputs[0]}/${label}`, [value], []) : "";
  finish(call, "Clip", [call.inputs[0], bound("min", min), bound("max", max)]);
}
