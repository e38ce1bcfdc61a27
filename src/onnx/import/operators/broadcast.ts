import type { Operand } from "../../../graph/index.ts";
import type { NodeCall } from "../call.ts";

/** The two operands; before opset 7 the second lay along the axes of the first from `axis` on. */
export function operandsOf(call: NodeCall): [Operand, Operand] {
  const [a, b] = [call.input(0), call.input(1)];
  if (call.opset >= 7) return [a, b];
  call.attributes.ignore("broadcast");
  if (!call.attributes.has("axis")) return [a, b];
  const rank = a.meta.shape.length;
  const axis = call.axis(call.attributes.int("axis", 0), rank);
  const trailing = rank - axis - b.meta.shape.length;
  if (trailing < 0) call.fail(`the second input must fit behind axis ${axis} of ${rank} axes, got ${b.meta.shape.length} axes`);
  return [a, call.shaped("aligned", b, [...b.meta.shape, ...new Array<number>(trailing).fill(1)])];
}
