import {
  abs,
  add,
  atan,
  cast,
  ceil,
  clamp,
  cos,
  type DType,
  div,
  erf,
  exp,
  floor,
  hardsigmoid,
  hardswish,
  leakyRelu,
  log,
  maximum,
  minimum,
  mul,
  neg,
  type OpDef,
  pow,
  reciprocal,
  relu,
  round,
  scalar,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  sub,
  tanh,
} from "../../../tensor/index.ts";
import { DataType } from "../../protobuf.ts";
import { dtypeOf, typeName } from "../../tensors.ts";
import type { OperatorRow } from "../call.ts";

type Plain = { readonly def: OpDef<Record<string, never>> };

const unary = (type: string, op: Plain): OperatorRow => ({ type, build: (call) => call.write(op, [call.input(0)], {}) });

const binary = (type: string, op: Plain): OperatorRow => ({ type, build: (call) => call.write(op, [call.input(0), call.input(1)], {}) });

/** Max and Min take any number of inputs. */
const chain = (type: string, op: Plain): OperatorRow => ({
  type,
  build(call) {
    const [first, ...rest] = call.inputs;
    if (rest.length === 0) return call.alias(first);
    const inner = rest.slice(0, -1).reduce((left, right, i) => call.emit(String(i), op, [left, right], {}), first);
    return call.write(op, [inner, rest[rest.length - 1]], {});
  },
});

const leaky: OperatorRow = {
  type: "LeakyRelu",
  build: (call) => call.write(leakyRelu, [call.input(0)], { slope: call.attributes.float("alpha", Math.fround(0.01)) }),
};

const SIXTH = 1 / 6;

const hardSigmoid: OperatorRow = {
  type: "HardSigmoid",
  build(call) {
    const [alpha, beta] = [call.attributes.float("alpha", 0.2), call.attributes.float("beta", 0.5)];
    const x = call.input(0);
    if (Math.abs(alpha - SIXTH) < 1e-6 && beta === 0.5) return call.write(hardsigmoid, [x], {});
    const scaled = call.emit("scaled", mul, [x, call.own("alpha", scalar(alpha))], {});
    const shifted = call.emit("shifted", add, [scaled, call.own("beta", scalar(beta))], {});
    return call.write(clamp, [shifted], { min: 0, max: 1 });
  },
};

/** Bounds are attributes before opset 11 and inputs since. */
const clip: OperatorRow = {
  type: "Clip",
  build(call) {
    const bound = (index: number, attribute: string, open: number): number => {
      if (call.opset < 11) return call.attributes.float(attribute, open);
      return call.numbers(index)?.[0] ?? open;
    };
    const [min, max] = [bound(1, "min", -Infinity), bound(2, "max", Infinity)];
    if (Number.isNaN(min) || Number.isNaN(max)) call.fail(`bounds must be numbers, got ${min} and ${max}`);
    call.write(clamp, [call.input(0)], { min, max });
  },
};

/** Whether our cast of computed values is ONNX's: to a truth value it is not, nor between widths of integers. */
const casts = (from: DType, to: DType, onnxTo: number): boolean =>
  onnxTo !== DataType.BOOL && (to === "f32" || to === "f64" || (to === "i32" && from !== "f64"));

/** Constants are converted; a computed tensor may be cast to a float type or to i32. */
const castRow: OperatorRow = {
  type: "Cast",
  build(call) {
    const to = call.attributes.int("to", 0);
    call.attributes.ignore("saturate", "round_mode");
    const x = call.input(0);
    const dtype = dtypeOf(to) ?? call.fail(`the target must be a numeric type known here, got ${typeName(to)}`);
    if (x.value) return call.define({ meta: { shape: x.meta.shape, dtype }, value: cast(x.value, dtype) });
    if (x.meta.dtype === dtype) return call.alias(x);
    if (!casts(x.meta.dtype, dtype, to)) call.fail(`a computed ${x.meta.dtype} must be cast to a float type or INT32, got ${typeName(to)}`);
    return call.write(cast, [x], { dtype });
  },
};

const identity = (type: string, ...ignored: readonly string[]): OperatorRow => ({
  type,
  build(call) {
    call.attributes.ignore(...ignored);
    call.alias(call.input(0));
  },
});

export const elementwiseRows: readonly OperatorRow[] = [
  unary("Relu", relu),
  unary("Sigmoid", sigmoid),
  unary("Tanh", tanh),
  unary("Exp", exp),
  unary("Log", log),
  unary("Sqrt", sqrt),
  unary("Abs", abs),
  unary("Neg", neg),
  unary("Floor", floor),
  unary("Ceil", ceil),
  unary("Round", round),
  unary("Sign", sign),
  unary("Sin", sin),
  unary("Cos", cos),
  unary("Atan", atan),
  unary("Erf", erf),
  unary("Reciprocal", reciprocal),
  unary("HardSwish", hardswish),
  binary("Add", add),
  binary("Sub", sub),
  binary("Mul", mul),
  binary("Div", div),
  binary("Pow", pow),
  chain("Max", maximum),
  chain("Min", minimum),
  { type: "Softplus", build: (call) => call.write(softplus, [call.input(0)], { beta: 1, threshold: 20 }) },
  leaky,
  hardSigmoid,
  clip,
  castRow,
  identity("Identity"),
  identity("Dropout", "ratio", "seed", "is_test"),
];
