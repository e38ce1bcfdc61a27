import { DTypeError } from "../../errors.ts";
import { type Draw, drawShape, drawTensor } from "../draw.ts";
import { type Op, type OpDef, defineOp } from "../op.ts";
import { broadcastShapes, broadcastStrides, sameShape } from "../shape.ts";
import { type Meta, Tensor, scalar } from "../tensor.ts";
import { sumTo } from "./reduce.ts";

/** A tensor, or a number that takes the other operand's dtype. */
export type Operand = Tensor | number;
type Binary = Op<Record<string, never>, (a: Operand, b: Operand) => Tensor>;

/** Cotangents of both operands before they are summed back over broadcast axes. */
type Partials = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [() => Tensor, () => Tensor];

function inferBinary(name: string, [a, b]: readonly Meta[]): Meta[] {
  if (a!.dtype !== b!.dtype) throw new DTypeError(name, `both operands must share a dtype, got ${a!.dtype} and ${b!.dtype}`);
  return [{ shape: sameShape(a!.shape, b!.shape) ? a!.shape : broadcastShapes(name, a!.shape, b!.shape), dtype: a!.dtype }];
}

/** One row of the table: name, scalar function, partial derivatives written in ops. */
function binary(name: string, f: (a: number, b: number) => number, partials: Partials, draw2?: (draw: Draw, shape: number[]) => Tensor): Binary {
  const def: OpDef<Record<string, never>> = {
    name,
    infer: (inputs) => inferBinary(name, inputs),
    reference: ([a, b], _, [y]) => applyBroadcast(f, a!, b!, y!),
    vjp([g], { inputs: [a, b], outputs: [y], wants }) {
      const [da, db] = partials(g!, a!, b!, y!);
      return [wants[0] ? sumTo(da(), a!.shape) : undefined, wants[1] ? sumTo(db(), b!.shape) : undefined];
    },
    sample(draw) {
      const shape = drawShape(draw, 0, 3);
      const other = draw.bool() ? shape : shape.map((d) => (draw.bool() ? d : 1)).slice(draw.int(0, shape.length));
      return { inputs: [drawTensor(draw, shape), (draw2 ?? drawTensor)(draw, other)], attrs: {} };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2, 4])], attrs: {} }),
  };
  return defineOp<Record<string, never>, (a: Operand, b: Operand) => Tensor>(def, (run) => (a, b) => {
    const x = typeof a === "number" ? scalar(a, (b as Tensor).dtype) : a;
    const y = typeof b === "number" ? scalar(b, (a as Tensor).dtype) : b;
    return run([x, y], {})[0]!;
  });
}

/** Elementwise over broadcast operands; f32 results round once, on the store. */
function applyBroadcast(f: (a: number, b: number) => number, a: Tensor, b: Tensor, y: Tensor): void {
  const shape = y.shape;
  const sa = broadcastStrides(a.shape, shape);
  const sb = broadcastStrides(b.shape, shape);
  const index = new Array<number>(shape.length).fill(0);
  let ia = 0;
  let ib = 0;
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = f(a.data[ia]!, b.data[ib]!);
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      ia += sa[d]!;
      ib += sb[d]!;
      if (index[d]! < shape[d]!) break;
      ia -= sa[d]! * shape[d]!;
      ib -= sb[d]! * shape[d]!;
      index[d] = 0;
    }
  }
}

export const add: Binary = binary("add", (a, b) => a + b, (g) => [() => g, () => g]);
export const sub: Binary = binary("sub", (a, b) => a - b, (g) => [() => g, () => mul(g, -1)]);
export const mul: Binary = binary("mul", (a, b) => a * b, (g, a, b) => [() => mul(g, b), () => mul(g, a)]);
