import { constant, type Operand } from "../../graph/index.ts";
import { add, matmul, permute } from "../../tensor/index.ts";
import type { OperatorRow, TfCall } from "../call.ts";
import { writeFused } from "./fused.ts";

/** A factor, transposed where the file says so; a weight that only this node reads keeps its name. */
function factor(call: TfCall, index: number, transposed: boolean): Operand {
  const x = call.rows(index);
  if (!transposed) return x;
  const rank = x.meta.shape.length;
  const perm = x.meta.shape.map((_, i) => (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2));
  const turned = call.emit(`factor${index}`, permute, [x], { perm });
  return turned.value && call.readsAlone(index) ? constant(call.inputName(index), turned.value) : turned;
}

const product = (op: string, first: string, second: string): OperatorRow => ({
  op,
  build(call) {
    const [a, b] = [factor(call, 0, call.attributes.bool(first)), factor(call, 1, call.attributes.bool(second))];
    if (a.meta.shape.length < 2 || b.meta.shape.length < 2)
      call.fail(`both factors must have at least 2 dimensions, got ${a.meta.shape.length} and ${b.meta.shape.length}`);
    writeFused(call, 2, false, (bias) => {
      if (bias.length === 0) return { op: matmul, inputs: [a, b], attrs: {} };
      const linear = call.emit("product", matmul, [a, b], {}, call.node.name);
      return { op: add, inputs: [linear, ...bias], attrs: {} };
    });
  },
});

export const matmulRows: readonly OperatorRow[] = [
  product("MatMul", "transpose_a", "transpose_b"),
  product("_FusedMatMul", "transpose_a", "transpose_b"),
  product("BatchMatMul", "adj_x", "adj_y"),
  product("BatchMatMulV2", "adj_x", "adj_y"),
];
