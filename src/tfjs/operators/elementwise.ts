import type { Operand } from "../../graph/index.ts";
import {
  abs,
  add,
  cast,
  ceil,
  clamp,
  cos,
  div,
  elu,
  erf,
  exp,
  floor,
  leakyRelu,
  log,
  logSoftmax,
  maximum,
  minimum,
  mul,
  neg,
  type OpDef,
  pow,
  prelu,
  reciprocal,
  relu,
  relu6,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
} from "../../tensor/index.ts";
import type { OperatorRow, TfCall } from "../call.ts";
import { planeAxis } from "../held.ts";

type Plain = { readonly def: OpDef<Record<string, never>> };

/** Writes an op that works element by element, in the order its input is held in. */
function writeLike<A>(call: TfCall, op: { readonly def: OpDef<A> }, attrs: A): void {
  if (call.held(0).prefersPlanes) call.writePlanes(op, [call.planes(0)], attrs);
  else call.write(op, [call.rows(0)], attrs);
}

const unary = (name: string, op: Plain): OperatorRow => ({ op: name, build: (call) => writeLike(call, op, {}) });

/** Whether inputs that broadcast against each other meet in our order. */
const meetInPlanes = (call: TfCall): boolean => {
  const all = call.allHeld;
  return all.some((held) => held.prefersPlanes) && all.every((held) => held.meta.shape.length <= 4);
};

const binary = (name: string, op: Plain): OperatorRow => ({
  op: name,
  build(call) {
    if (meetInPlanes(call)) call.writePlanes(op, [call.broadcastPlanes(0), call.broadcastPlanes(1)], {});
    else call.write(op, [call.rows(0), call.rows(1)], {});
  },
});

/** Two ops one after the other: (x - y)^2, floor(x / y). */
const binaryThen = (name: string, op: Plain, then: Plain): OperatorRow => ({
  op: name,
  build(call) {
    const planes = meetInPlanes(call);
    const operand = (i: number): Operand => (planes ? call.broadcastPlanes(i) : call.rows(i));
    const inner = call.emit("inner", op, [operand(0), operand(1)], {});
    if (planes) call.writePlanes(then, [inner], {});
    else call.write(then, [inner], {});
  },
});

/** A sum of any number of tensors. */
const addN: OperatorRow = {
  op: "AddN",
  build(call) {
    const planes = meetInPlanes(call);
    const [first, ...rest] = call.allHeld.map((_, i) => (planes ? call.broadcastPlanes(i) : call.rows(i)));
    if (rest.length === 0) return call.alias(call.held(0));
    const inner = rest.slice(0, -1).reduce((left, right, i) => call.emit(String(i), add, [left, right], {}), first);
    const inputs = [inner, rest[rest.length - 1]];
    return planes ? call.writePlanes(add, inputs, {}) : call.write(add, inputs, {});
  },
};

const alongLast = (name: string, op: { readonly def: OpDef<{ readonly dim: number }> }): OperatorRow => ({
  op: name,
  build(call) {
    const rank = call.held(0).meta.shape.length;
    if (call.held(0).prefersPlanes) call.writePlanes(op, [call.planes(0)], { dim: planeAxis(3) });
    else call.write(op, [call.rows(0)], { dim: call.axis(-1, rank) });
  },
});

const identity = (name: string): OperatorRow => ({ op: name, build: (call) => call.alias(call.held(0)) });

/** Conversions between float types change nothing here: all are f32. */
const castRow: OperatorRow = {
  op: "Cast",
  build(call) {
    const dtype = call.attributes.type("DstT") ?? call.fail("DstT must be given, got none");
    if (call.held(0).meta.dtype === dtype) return call.alias(call.held(0));
    return writeLike(call, cast, { dtype });
  },
};

/** Attributes or, in some files, inputs hold the bounds. */
const clip: OperatorRow = {
  op: "ClipByValue",
  build(call) {
    const [min, max] =
      call.inputCount > 1
        ? [call.numbers(1)[0], call.numbers(2)[0]]
        : ["clip_value_min", "clip_value_max"].map((n) => call.attributes.float(n, 0));
    writeLike(call, clamp, { min, max });
  },
};

export const elementwiseRows: readonly OperatorRow[] = [
  unary("Abs", abs),
  unary("Ceil", ceil),
  unary("Cos", cos),
  unary("Erf", erf),
  unary("Exp", exp),
  unary("Floor", floor),
  unary("Log", log),
  unary("Neg", neg),
  unary("Reciprocal", reciprocal),
  unary("Relu", relu),
  unary("Relu6", relu6),
  unary("Round", round),
  unary("Rsqrt", rsqrt),
  unary("Sigmoid", sigmoid),
  unary("Sign", sign),
  unary("Sin", sin),
  unary("Sqrt", sqrt),
  unary("Square", square),
  unary("Tanh", tanh),
  { op: "Softplus", build: (call) => writeLike(call, softplus, { beta: 1, threshold: 20 }) },
  { op: "Elu", build: (call) => writeLike(call, elu, { alpha: 1 }) },
  { op: "LeakyRelu", build: (call) => writeLike(call, leakyRelu, { slope: call.attributes.float("alpha", Math.fround(0.2)) }) },
  binary("Prelu", prelu),
  binary("Add", add),
  binary("AddV2", add),
  binary("Sub", sub),
  binary("Mul", mul),
  binary("Div", div),
  binary("RealDiv", div),
  binary("Maximum", maximum),
  binary("Minimum", minimum),
  binary("Pow", pow),
  binaryThen("SquaredDifference", sub, square),
  binaryThen("FloorDiv", div, floor),
  addN,
  alongLast("Softmax", softmax),
  alongLast("LogSoftmax", logSoftmax),
  identity("Identity"),
  identity("StopGradient"),
  identity("PreventGradient"),
  identity("CheckNumerics"),
  castRow,
  clip,
];
