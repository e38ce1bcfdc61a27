import type { Operand } from "../../../graph/index.ts";
import { add, less, Tensor, topk, where } from "../../../tensor/index.ts";
import type { NodeCall } from "../call.ts";

/** Indices in [0, length) from indices that may count from the end: constants now, computed ones by a step of the graph. */
export function positions(call: NodeCall, given: Operand, length: number, label = "index"): Operand {
  // What topk finds never counts from the end.
  if (!given.value && call.builder.producerOf(given.name)?.op === topk.def) return given;
  const index = call.converted(`${label}Whole`, given, "i32");
  if (!index.value) {
    const fromEnd = call.emit(`${label}Negative`, less, [index, call.number(`${label}None`, 0, index)], {});
    const moved = call.emit(`${label}Moved`, add, [index, call.number(`${label}Length`, length, index)], {});
    return call.emit(label, where, [fromEnd, moved, index], {});
  }
  const { data: named } = index.value;
  const bad = named.find((k: number) => k < -length || k >= length);
  if (bad !== undefined) call.fail(`every index must be in [${-length}, ${length}), got ${bad}`);
  if (named.every((k: number) => k >= 0)) return index;
  const data = Int32Array.from(named, (k) => (k < 0 ? k + length : k));
  return call.own(label, new Tensor(index.meta.shape, "i32", data));
}
