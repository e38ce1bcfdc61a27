import type { Operand } from "../../../graph/index.ts";
import { abs, equal, greater, greaterEqual, less, lessEqual, maximum, minimum, type OpDef } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { operandsOf } from "./broadcast.ts";

type Plain = { readonly def: OpDef<Record<string, never>> };

/** Truth values are 0 and 1 in u8: the smaller of two is "and", the larger "or". */
const binary = (type: string, op: Plain): OperatorRow => ({ type, build: (call) => call.write(op, operandsOf(call), {}) });

const negated = (call: NodeCall, x: Operand): void => call.write(equal, [x, call.number("zero", 0, x)], {});

const not: OperatorRow = { type: "Not", build: (call) => negated(call, call.input(0)) };

const xor: OperatorRow = { type: "Xor", build: (call) => negated(call, call.emit("same", equal, operandsOf(call), {})) };

/** Only NaN differs from itself. */
const nan: OperatorRow = {
  type: "IsNaN",
  build(call) {
    const x = call.input(0);
    negated(call, call.emit("itself", equal, [x, x], {}));
  },
};

/** The largest finite number of f32: constants must be finite. */
const LARGEST = 3.4028234663852886e38;

const infinite: OperatorRow = {
  type: "IsInf",
  build(call) {
    const x = call.input(0);
    const [positive, negative] = ["detect_positive", "detect_negative"].map((name) => call.attributes.int(name, 1) !== 0);
    const largest = x.meta.dtype === "f64" ? Number.MAX_VALUE : LARGEST;
    const limit = call.number("largest", negative && !positive ? -largest : largest, x);
    if (positive && negative) return call.write(greater, [call.emit("magnitude", abs, [x], {}), limit], {});
    if (positive) return call.write(greater, [x, limit], {});
    if (negative) return call.write(less, [x, limit], {});
    // Nothing is asked for: no number is greater than itself.
    return call.write(greater, [x, x], {});
  },
};

export const logicRows: readonly OperatorRow[] = [
  binary("And", minimum),
  binary("Or", maximum),
  binary("Equal", equal),
  binary("Greater", greater),
  binary("GreaterOrEqual", greaterEqual),
  binary("Less", less),
  binary("LessOrEqual", lessEqual),
  not,
  xor,
  nan,
  infinite,
];
