import { add, elu, erf, mul, type OpDef, prelu, scalar, softplus, tanh } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import type { Operand } from "../operand.ts";

type Plain = { readonly def: OpDef<Record<string, never>> };

/** x op number, the number a constant of the node's own. */
function withNumber(call: NodeCall, label: string, op: Plain, x: Operand, value: number): Operand {
  return call.emit(label, op, [x, call.own(`${label}Constant`, scalar(value, x.meta.dtype))], {});
}

const eluRow: OperatorRow = {
  type: "Elu",
  build: (call) => call.write(elu, [call.input(0)], { alpha: call.attributes.float("alpha", 1) }),
};

const preluRow: OperatorRow = { type: "PRelu", build: (call) => call.write(prelu, [call.input(0), call.input(1)], {}) };

/** x tanh(softplus(x)). */
const mishRow: OperatorRow = {
  type: "Mish",
  build(call) {
    const x = call.input(0);
    const soft = call.emit("softplus", softplus, [x], { beta: 1, threshold: 20 });
    call.write(mul, [x, call.emit("tanh", tanh, [soft], {})], {});
  },
};

/** x/2 (1 + erf(x/√2)), or with a tanh in place of the error function. */
const geluRow: OperatorRow = {
  type: "Gelu",
  build(call) {
    const x = call.input(0);
    const form = call.attributes.string("approximate", "none");
    if (form !== "none" && form !== "tanh") call.fail(`approximate must be none or tanh, got ${form}`);
    const inner = form === "none" ? call.emit("erf", erf, [withNumber(call, "scaled", mul, x, Math.SQRT1_2)], {}) : tanhOfCubic(call, x);
    const share = withNumber(call, "share", add, inner, 1);
    call.write(mul, [withNumber(call, "half", mul, x, 0.5), share], {});
  },
};

/** tanh(√(2/π) (x + 0.044715 x³)). */
function tanhOfCubic(call: NodeCall, x: Operand): Operand {
  const square = call.emit("square", mul, [x, x], {});
  const factor = withNumber(call, "factor", add, withNumber(call, "cubed", mul, square, 0.044715), 1);
  const cubic = call.emit("cubic", mul, [x, factor], {});
  return call.emit("tanh", tanh, [withNumber(call, "scaled", mul, cubic, Math.sqrt(2 / Math.PI))], {});
}

export const activationRows: readonly OperatorRow[] = [eluRow, preluRow, mishRow, geluRow];
