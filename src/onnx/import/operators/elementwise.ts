import type { Operand } from "../../../graph/index.ts";
import {
  abs,
  add,
  atan,
  cast,
  ceil,
  clamp,
  cos,
  div,
  equal,
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
  ones,
  pow,
  reciprocal,
  relu,
  round,
  roundFloat,
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
import type { NodeCall, OperatorRow } from "../call.ts";
import { operandsOf } from "./broadcast.ts";

type Plain = { readonly def: OpDef<Record<string, never>> };

const unary = (type: string, op: Plain): OperatorRow => ({ type, build: (call) => call.write(op, [call.input(0)], {}) });

const binary = (type: string, op: Plain): OperatorRow => ({ type, build: (call) => call.write(op, operandsOf(call), {}) });

/** Max, Min and Sum take any number of inputs. */
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
    const scaled = call.emit("scaled", mul, [x, call.number("alpha", alpha, x)], {});
    const shifted = call.emit("shifted", add, [scaled, call.number("beta", beta, x)], {});
    return call.write(clamp, [shifted], { min: 0, max: 1 });
  },
};

/** The sum of all inputs by their number. */
const meanRow: OperatorRow = {
  type: "Mean",
  build(call) {
    const [first, ...rest] = call.inputs;
    const total = rest.reduce((left, right, i) => call.emit(String(i), add, [left, right], {}), first);
    call.write(div, [total, call.number("count", rest.length + 1, first)], {});
  },
};

/** The result has the type of the base. */
const powRow: OperatorRow = {
  type: "Pow",
  build(call) {
    const [base, exponent] = operandsOf(call);
    const { dtype } = base.meta;
    if (dtype === exponent.meta.dtype) return call.write(pow, [base, exponent], {});
    if (dtype === "f32" || dtype === "f64") return call.write(pow, [base, call.converted("exponent", exponent, dtype)], {});
    const power = call.emit("power", pow, [call.converted("base", base, "f64"), call.converted("exponent", exponent, "f64")], {});
    return call.write(cast, [power], { dtype });
  },
};

/** Bounds are attributes before opset 11 and inputs since. */
const clip: OperatorRow = {
  type: "Clip",
  build(call) {
    const [low, high] = call.opset < 11 ? [] : [call.optional(1), call.optional(2)];
    if ([low, high].some((bound) => bound && !bound.value)) return clipComputed(call, low, high);
    const bound = (index: number, attribute: string, open: number): number => {
      if (call.opset < 11) return call.attributes.float(attribute, open);
      return call.numbers(index)?.[0] ?? open;
    };
    const [min, max] = [bound(1, "min", -Infinity), bound(2, "max", Infinity)];
    if (Number.isNaN(min) || Number.isNaN(max)) call.fail(`bounds must be numbers, got ${min} and ${max}`);
    return call.write(clamp, [call.input(0)], { min, max });
  },
};

function clipComputed(call: NodeCall, low: Operand | undefined, high: Operand | undefined): void {
  const x = call.input(0);
  const [min, max] = [low, high].map((bound, i) => bound && call.shaped(`bound${i}`, bound, []));
  if (max) call.write(minimum, [min ? call.emit("above", maximum, [x, min], {}) : x, max], {});
  else if (min) call.write(maximum, [x, min], {});
}

/** The 16-bit floats, which we hold as f32 of their values. */
const HALVES: ReadonlyMap<number, "float16" | "bfloat16"> = new Map([
  [DataType.FLOAT16, "float16"],
  [DataType.BFLOAT16, "bfloat16"],
]);

/** Truth values are not 0; 16-bit floats are rounded; other numbers are truncated towards zero and wrap. */
const castRow: OperatorRow = {
  type: "Cast",
  build(call) {
    const to = call.attributes.int("to", 0);
    call.attributes.ignore("saturate", "round_mode");
    const x = call.input(0);
    const dtype = dtypeOf(to) ?? call.fail(`the target must be a numeric type known here, got ${typeName(to)}`);
    if (x.onnxType === to) return call.alias(x);
    const format = HALVES.get(to);
    if (to === DataType.BOOL) return call.write(equal, [call.emit("zero", equal, [x, call.number("none", 0, x)], {}), truth(call, 0)], {});
    if (format) return castToHalf(call, x, format);
    if (x.meta.dtype !== dtype) return call.write(cast, [x], { dtype });
    return call.alias({ ...x, onnxType: to });
  },
};

const truth = (call: NodeCall, value: 0 | 1): Operand => call.own(String(value === 1), scalar(value, "u8"));

/**
 * Rounded once: integers and doubles before they become f32.
 *
 * Unstated: how a number becomes bfloat16. The operator's published cases cut the lower bits up to opset 17 at least; here
 * opsets below 19 cut them, later ones take the nearest number.
 */
function castToHalf(call: NodeCall, x: Operand, format: "float16" | "bfloat16"): void {
  const wide = x.meta.dtype === "f32" ? x : call.converted("wide", x, "f64");
  const toward = format === "bfloat16" && call.opset < 19 ? ("zero" as const) : ("nearest" as const);
  call.settle(call.converted("half", call.emit("rounded", roundFloat, [wide], { format, toward }), "f32"));
}

const identity: OperatorRow = { type: "Identity", build: (call) => call.alias(call.input(0)) };

/** Nothing is dropped outside training; the mask is then all true. */
const dropout: OperatorRow = {
  type: "Dropout",
  build(call) {
    call.attributes.ignore("ratio", "seed", "is_test");
    const training = call.opset >= 12 && (call.optional(2) ? call.constant(2).data[0] !== 0 : false);
    const ratio = training ? (call.numbers(1)?.[0] ?? 0.5) : 0;
    if (ratio !== 0) call.fail(`the inference form is needed, got training with ratio ${ratio}`);
    const x = call.input(0);
    call.alias(x);
    if (!call.writes(1)) return;
    const mask = call.own("mask", ones(x.meta.shape, call.opset >= 10 ? "u8" : x.meta.dtype));
    call.alias(mask, 1);
  },
};

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
  powRow,
  meanRow,
  chain("Sum", add),
  chain("Max", maximum),
  chain("Min", minimum),
  { type: "Softplus", build: (call) => call.write(softplus, [call.input(0)], { beta: 1, threshold: 20 }) },
  leaky,
  hardSigmoid,
  clip,
  castRow,
  identity,
  dropout,
];
