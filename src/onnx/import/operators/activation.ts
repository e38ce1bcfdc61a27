import type { Operand } from "../../../graph/index.ts";
import { abs, add, div, elu, erf, mul, type OpDef, prelu, scalar, softplus, tanh } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** Defaults of opset 6; opset 1 wrote fewer digits. */
const SELU = { alpha: 1.6732632423543772, gamma: 1.0507009873554805, oldAlpha: 1.6732, oldGamma: 1.0507 } as const;

type Plain = { readonly def: OpDef<Record<string, never>> };

/** x op number, the number a constant of the node's own. */
function withNumber(call: NodeCall, label: string, op: Plain, x: Operand, value: number): Operand {
  return call.emit(label, op, [x, call.own(`${label}Constant`, scalar(value, x.meta.dtype))], {});
}

const eluRow: OperatorRow = {
  type: "Elu",
  build: (call) => call.write(elu, [call.input(0)], { alpha: call.attributes.float("alpha", 1) }),
};

/** gamma (x above 0, alpha (e^x - 1) below). */
const seluRow: OperatorRow = {
  type: "Selu",
  build(call) {
    const x = call.input(0);
    const alpha = call.attributes.float("alpha", Math.fround(call.opset < 6 ? SELU.oldAlpha : SELU.alpha));
    const gamma = call.attributes.float("gamma", Math.fround(call.opset < 6 ? SELU.oldGamma : SELU.gamma));
    call.write(mul, [call.emit("elu", elu, [x], { alpha }), call.number("gamma", gamma, x)], {});
  },
};

/** max(0, x) + min(0, alpha (e^(x / alpha) - 1)): alpha times an Elu of x / alpha. */
const celuRow: OperatorRow = {
  type: "Celu",
  build(call) {
    const x = call.input(0);
    const alpha = call.number("alpha", call.attributes.float("alpha", 1), x);
    call.write(mul, [call.emit("elu", elu, [call.emit("scaled", div, [x, alpha], {})], { alpha: 1 }), alpha], {});
  },
};

/** x / (1 + |x|). */
const softsignRow: OperatorRow = {
  type: "Softsign",
  build(call) {
    const x = call.input(0);
    call.write(div, [x, withNumber(call, "divisor", add, call.emit("magnitude", abs, [x], {}), 1)], {});
  },
};

/** Before opset 7 a slope of one axis lies along the channels. */
const preluRow: OperatorRow = {
  type: "PRelu",
  build(call) {
    const [x, slope] = [call.input(0), call.input(1)];
    const rank = x.meta.shape.length;
    const channels = call.opset < 7 && slope.meta.shape.length === 1 && rank > 1;
    const along = channels ? call.shaped("slope", slope, [slope.meta.shape[0], ...new Array<number>(rank - 2).fill(1)]) : slope;
    call.write(prelu, [x, along], {});
  },
};

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

export const activationRows: readonly OperatorRow[] = [eluRow, seluRow, celuRow, softsignRow, preluRow, mishRow, geluRow];
