import { allocate, full, sizeOf, Tensor, tensor } from "../../../tensor/index.ts";
import { DataType } from "../../protobuf.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

function define(call: NodeCall, value: Tensor, onnxType?: number): void {
  call.define({ meta: { shape: value.shape, dtype: value.dtype }, value, onnxType });
}

const size: OperatorRow = {
  type: "Size",
  build: (call) => define(call, tensor(sizeOf(call.input(0).meta.shape), [], "i32"), DataType.INT64),
};

/** Zeros of f32 where no value is given. */
const constantOfShape: OperatorRow = {
  type: "ConstantOfShape",
  build(call) {
    const shape = Array.from(call.constant(0).data);
    const value = call.attributes.tensor("value") ?? tensor(0, [1]);
    if (value.size !== 1) call.fail(`value must hold 1 element, got ${value.size}`);
    if (shape.some((d) => d < 0)) call.fail(`sizes must not be negative, got [${shape.join(",")}]`);
    call.makeRoom(sizeOf(shape));
    define(call, full(shape, value.data[0], value.dtype));
  },
};

/** start, start + delta, ... before limit. */
const range: OperatorRow = {
  type: "Range",
  build(call) {
    const [start, limit, delta] = [0, 1, 2].map((i) => call.constant(i));
    const [from, to, by] = [start, limit, delta].map((t) => t.data[0]);
    const count = Math.max(0, Math.ceil((to - from) / by));
    if (!Number.isFinite(count)) call.fail(`a range must have an end, got ${from} to ${to} by ${by}`);
    call.makeRoom(count);
    const data = allocate(start.dtype, count);
    for (let i = 0; i < count; i++) data[i] = from + i * by;
    define(call, new Tensor([count], start.dtype, data));
  },
};

/** Positions of what is not 0, one row an axis; their number depends on values, so the input must be a constant. */
const nonZero: OperatorRow = {
  type: "NonZero",
  build(call) {
    const x = call.constant(0);
    const found: number[] = [];
    for (let i = 0; i < x.size; i++) if (x.data[i] !== 0) found.push(i);
    let inner = x.size;
    const rows = x.shape.flatMap((d) => {
      inner /= d;
      return found.map((i) => Math.floor(i / inner) % d);
    });
    define(call, new Tensor([x.shape.length, found.length], "i32", Int32Array.from(rows)));
  },
};

export const fillRows: readonly OperatorRow[] = [size, constantOfShape, range, nonZero];
