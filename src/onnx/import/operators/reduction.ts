import { constant, type Operand } from "../../../graph/index.ts";
import {
  add,
  amax,
  amin,
  concat,
  l1Norm,
  log,
  logSoftmax,
  logSumExp,
  matmul,
  mean,
  mul,
  type OpDef,
  permute,
  type ReduceAttrs,
  reshape,
  sizeOf,
  slice,
  softmax,
  sqrt,
  square,
  sum,
} from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

type Emit = (call: NodeCall, x: Operand, attrs: ReduceAttrs) => Operand;

/** Axes are an attribute until `inputFrom` and an input since. */
const reduceBy = (type: string, inputFrom: number, emit: Emit): OperatorRow => ({
  type,
  build(call) {
    const x = call.input(0);
    const rank = x.meta.shape.length;
    const keepdim = call.attributes.int("keepdims", 1) !== 0;
    const none = call.attributes.int("noop_with_empty_axes", 0) !== 0;
    const given = call.opset < inputFrom ? call.attributes.ints("axes") : call.numbers(1);
    if (!given && none) return call.alias(x);
    const dim = [...new Set((given ?? x.meta.shape.map((_, i) => i)).map((a) => call.axis(a, rank)))].sort((a, b) => a - b);
    return call.settle(emit(call, x, { dim, keepdim }));
  },
});

const reduce = (type: string, op: { readonly def: OpDef<ReduceAttrs> }, inputFrom: number): OperatorRow =>
  reduceBy(type, inputFrom, (call, x, attrs) => call.emit("reduced", op, [x], attrs));

const sumOfSquares: Emit = (call, x, attrs) => call.emit("sum", sum, [call.emit("squares", square, [x], {})], attrs);

/** A product by halving, one axis after the other. */
const product: Emit = (call, x, { dim, keepdim }) => {
  const y = dim.reduce((from, axis) => {
    let rest = from;
    for (let step = 0; rest.meta.shape[axis] > 1; step++) rest = halved(call, rest, axis, `${axis}_${step}`);
    return rest;
  }, x);
  if (y.meta.shape.some((d, i) => d === 0 && dim.includes(i)))
    call.fail(`the reduced axes must not be empty, got [${x.meta.shape.join(",")}]`);
  return keepdim
    ? y
    : call.shaped(
        "line",
        y,
        y.meta.shape.filter((_, i) => !dim.includes(i)),
      );
};

function halved(call: NodeCall, x: Operand, dim: number, label: string): Operand {
  const length = x.meta.shape[dim];
  const half = Math.floor(length / 2);
  const part = (name: string, start: number, end: number): Operand =>
    call.emit(`${name}${label}`, slice, [x], { dim, start, end, step: 1 });
  const paired = call.emit(`product${label}`, mul, [part("first", 0, half), part("second", half, 2 * half)], {});
  return length % 2 === 0 ? paired : call.emit(`whole${label}`, concat, [paired, part("last", 2 * half, length)], { dim });
}

/** Before opset 13 everything from `axis` on counts as one axis. */
const softmaxRow = (type: string, op: { readonly def: OpDef<{ readonly dim: number }> }): OperatorRow => ({
  type,
  build(call) {
    const x = call.input(0);
    const { shape } = x.meta;
    const dim = call.axis(call.attributes.int("axis", call.opset < 13 ? 1 : -1), shape.length);
    if (call.opset >= 13 || sizeOf(shape.slice(dim + 1)) === 1) return call.write(op, [x], { dim });
    const flat = call.emit("flat", reshape, [x], { shape: [sizeOf(shape.slice(0, dim)), sizeOf(shape.slice(dim))] });
    const y = call.emit("flatSoftmax", op, [flat], { dim: 1 });
    return call.write(reshape, [y], { shape });
  },
});

const matMul: OperatorRow = {
  type: "MatMul",
  build(call) {
    const [a, b] = [call.input(0), call.input(1)];
    const [row, column] = [a.meta.shape.length === 1, b.meta.shape.length === 1];
    if (!row && !column) return call.write(matmul, [a, b], {});
    // A list of numbers is a row, or a column, whose axis the result does not have.
    const left = row ? call.shaped("row", a, [1, ...a.meta.shape]) : a;
    const right = column ? call.shaped("column", b, [...b.meta.shape, 1]) : b;
    const y = call.emit("product", matmul, [left, right], {});
    const rank = y.meta.shape.length;
    const kept = y.meta.shape.filter((_, i) => !(row && i === rank - 2) && !(column && i === rank - 1));
    return call.settle(call.shaped("line", y, kept));
  },
};

/** alpha A' B' + beta C; scaled and transposed constants stay constants. */
const gemm: OperatorRow = {
  type: "Gemm",
  build(call) {
    if (call.opset < 7) call.attributes.ignore("broadcast");
    const c = call.optional(2);
    const [alpha, beta] = [call.attributes.float("alpha", 1), call.attributes.float("beta", 1)];
    const a = oriented(call, call.input(0), call.attributes.int("transA", 0), "a");
    const b = scaled(call, oriented(call, call.input(1), call.attributes.int("transB", 0), "b"), alpha, "b");
    if (!c) return call.write(matmul, [a, b], {});
    const product = call.emit("product", matmul, [a, b], {});
    return call.write(add, [product, scaled(call, c, beta, "c")], {});
  },
};

function oriented(call: NodeCall, x: Operand, transposed: number, label: string): Operand {
  if (x.meta.shape.length !== 2) call.fail(`matrices must have 2 dimensions, got ${x.meta.shape.length}`);
  if (transposed === 0) return x;
  return kept(call, x, call.emit(`${label}Transposed`, permute, [x], { perm: [1, 0] }));
}

function scaled(call: NodeCall, x: Operand, factor: number, label: string): Operand {
  if (factor === 1) return x;
  return kept(call, x, call.emit(`${label}Scaled`, mul, [x, call.number(`${label}Factor`, factor, x)], {}));
}

/** A constant only this node reads keeps its name when it is rearranged. */
function kept(call: NodeCall, before: Operand, after: Operand): Operand {
  return after.value && call.builder.readersOf(before.name) === 1 ? constant(before.name, after.value) : after;
}

export const reductionRows: readonly OperatorRow[] = [
  reduce("ReduceMean", mean, 18),
  reduce("ReduceSum", sum, 13),
  reduce("ReduceMax", amax, 18),
  reduce("ReduceMin", amin, 18),
  reduce("ReduceLogSumExp", logSumExp, 18),
  reduce("ReduceL1", l1Norm, 18),
  reduceBy("ReduceSumSquare", 18, sumOfSquares),
  reduceBy("ReduceL2", 18, (call, x, attrs) => call.emit("root", sqrt, [sumOfSquares(call, x, attrs)], {})),
  reduceBy("ReduceLogSum", 18, (call, x, attrs) => call.emit("log", log, [call.emit("sum", sum, [x], attrs)], {})),
  reduceBy("ReduceProd", 18, product),
  softmaxRow("Softmax", softmax),
  softmaxRow("LogSoftmax", logSoftmax),
  matMul,
  gemm,
];
