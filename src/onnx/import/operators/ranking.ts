import type { Operand } from "../../../graph/index.ts";
import { indexSelect, sub, Tensor, topk } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** The number is an attribute before opset 10 and an input since; whole numbers are ranked in f64. */
const topK: OperatorRow = {
  type: "TopK",
  build(call) {
    call.attributes.ignore("sorted");
    const x = call.input(0);
    const dim = call.axis(call.attributes.int("axis", -1), x.meta.shape.length);
    const k = call.opset < 10 ? call.attributes.int("k", -1) : (call.numbers(1)?.[0] ?? -1);
    const largest = call.attributes.int("largest", 1) !== 0;
    const found = call.emitAll("best", topk, [x], { k, dim, largest }, 2);
    for (const i of [0, 1]) if (call.writes(i)) call.settle(found[i], i);
  },
};

/** Of equal values the first is taken, or the last: then the axis is read from its end. */
const extreme = (type: string, largest: boolean): OperatorRow => ({
  type,
  build(call) {
    const x = call.input(0);
    const { shape } = x.meta;
    const dim = call.axis(call.attributes.int("axis", 0), shape.length);
    const fromEnd = call.attributes.int("select_last_index", 0) !== 0;
    const [, found] = call.emitAll("best", topk, [fromEnd ? reversed(call, x, dim) : x], { k: 1, dim, largest }, 2);
    const index = fromEnd ? call.emit("index", sub, [call.number("last", shape[dim] - 1, found), found], {}) : found;
    const kept = call.attributes.int("keepdims", 1) !== 0;
    call.settle(
      kept
        ? index
        : call.shaped(
            "line",
            index,
            shape.filter((_, i) => i !== dim),
          ),
    );
  },
});

function reversed(call: NodeCall, x: Operand, dim: number): Operand {
  const length = x.meta.shape[dim];
  call.makeRoom(length);
  const index = new Tensor(
    [length],
    "i32",
    Int32Array.from({ length }, (_, i) => length - 1 - i),
  );
  return call.emit("reversed", indexSelect, [x, call.own("back", index)], { dim });
}

export const rankingRows: readonly OperatorRow[] = [topK, extreme("ArgMax", true), extreme("ArgMin", false)];
