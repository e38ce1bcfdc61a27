import {
  add,
  amax,
  amin,
  logSoftmax,
  logSumExp,
  matmul,
  mean,
  mul,
  type OpDef,
  permute,
  type ReduceAttrs,
  reshape,
  scalar,
  sizeOf,
  softmax,
  sum,
} from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { constant, type Operand } from "../operand.ts";

/** Axes are an attribute until `inputFrom` and an input since. */
const reduce = (type: string, op: { readonly def: OpDef<ReduceAttrs> }, inputFrom: number): OperatorRow => ({
  type,
  build(call) {
    const x = call.input(0);
    const rank = x.meta.shape.length;
    const keepdim = call.attributes.int("keepdims", 1) !== 0;
    const none = call.attributes.int("noop_with_empty_axes", 0) !== 0;
    const given = call.opset < inputFrom ? call.attributes.ints("axes") : call.numbers(1);
    if (!given && none) return call.alias(x);
    const dim = [...new Set((given ?? x.meta.shape.map((_, i) => i)).map((a) => call.axis(a, rank)))].sort((a, b) => a - b);
    return call.write(op, [x], { dim, keepdim });
  },
});

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
    if (a.meta.shape.length < 2 || b.meta.shape.length < 2) {
      call.fail(`both inputs must have at least 2 dimensions, got ${a.meta.shape.length} and ${b.meta.shape.length}`);
    }
    call.write(matmul, [a, b], {});
  },
};

/** alpha A' B' + beta C; scaled and transposed constants stay constants. */
const gemm: OperatorRow = {
  type: "Gemm",
  build(call) {
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
  return kept(call, x, call.emit(`${label}Scaled`, mul, [x, call.own(`${label}Factor`, scalar(factor))], {}));
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
  softmaxRow("Softmax", softmax),
  softmaxRow("LogSoftmax", logSoftmax),
  matMul,
  gemm,
];
