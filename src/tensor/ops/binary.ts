import { type Draw, drawAway, drawDistinct, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op, type OpDef } from "../op.ts";
import { requireSameDtype } from "../require.ts";
import { broadcastShapes, broadcastStrides, sizeOf } from "../shape.ts";
import { allocate, type Meta, scalar, Tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";
import { equal, greater, less } from "./compare.ts";
import { sumTo } from "./reduce.ts";
import { log } from "./unary.ts";
import { where } from "./where.ts";

/** A tensor, or a number that takes the other operand's dtype. */
export type Operand = Tensor | number;
type NoAttrs = Record<string, never>;
type Binary = Op<NoAttrs, (a: Operand, b: Operand) => Tensor>;

/** Cotangents of both operands before they are summed back over broadcast axes. */
type Partials = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [() => Tensor, () => Tensor];

/** Where an op can be sampled; operands of `smooth: false` ops are drawn apart from each other. */
interface Domain {
  readonly a?: (draw: Draw, shape: number[]) => Tensor;
  readonly b?: (draw: Draw, shape: number[]) => Tensor;
  readonly smooth?: boolean;
}

function inferBinary(name: string, [a, b]: readonly Meta[]): Meta[] {
  requireSameDtype(name, a, b);
  return [{ shape: broadcastShapes(name, a.shape, b.shape), dtype: a.dtype }];
}

/** One row of the table: name, scalar function (one rounding, on the store), partial derivatives written in ops. */
function binary(name: string, f: (a: number, b: number) => number, partials: Partials, domain: Domain = {}): Binary {
  const def: OpDef<NoAttrs> = {
    name,
    infer: (inputs) => inferBinary(name, inputs),
    reference([a, b], _, [y]) {
      const ia = offsets(y.shape, broadcastStrides(a.shape, y.shape));
      const ib = offsets(y.shape, broadcastStrides(b.shape, y.shape));
      for (let i = 0; i < y.data.length; i++) y.data[i] = f(a.data[ia[i]], b.data[ib[i]]);
    },
    vjp([g], { inputs: [a, b], outputs: [y], wants }) {
      if (!g) return [undefined, undefined];
      const [da, db] = partials(g, a, b, y);
      return [wants[0] ? sumTo(da(), a.shape) : undefined, wants[1] ? sumTo(db(), b.shape) : undefined];
    },
    smooth: domain.smooth ?? true,
    sample(draw) {
      const shape = drawShape(draw, 0, 3);
      const other = draw.bool() ? shape : shape.map((d) => (draw.bool() ? d : 1)).slice(draw.int(0, shape.length));
      if (!domain.smooth && domain.smooth !== undefined) return { inputs: drawApart(draw, shape, other), attrs: {} };
      return { inputs: [(domain.a ?? drawTensor)(draw, shape), (domain.b ?? drawTensor)(draw, other)], attrs: {} };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2, 4])], attrs: {} }),
  };
  return defineOp<NoAttrs, (a: Operand, b: Operand) => Tensor>(def, (run) => (a, b) => {
    const x = typeof a === "number" ? scalar(a, (b as Tensor).dtype) : a;
    const y = typeof b === "number" ? scalar(b, x.dtype) : b;
    return run([x, y], {})[0];
  });
}

/** Two tensors no two of whose values are closer than 0.05. */
function drawApart(draw: Draw, a: readonly number[], b: readonly number[]): [Tensor, Tensor] {
  const values = drawDistinct(draw, [sizeOf(a) + sizeOf(b)]).data;
  const part = (shape: readonly number[], from: number) => {
    const data = allocate(draw.dtype, sizeOf(shape));
    data.set(values.subarray(from, from + data.length));
    return new Tensor(shape, draw.dtype, data);
  };
  return [part(a, 0), part(b, sizeOf(a))];
}

const awayFromZero = (draw: Draw, shape: number[]): Tensor => drawAway(draw, shape, [0], 0.3);
const positive = (draw: Draw, shape: number[]): Tensor => drawTensor(draw, shape, 0.3, 2);

/** a + b, broadcasting. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const add: Binary = binary(
  "add",
  (a, b) => a + b,
  (g) => [() => g, () => g],
);
/** a - b, broadcasting. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const sub: Binary = binary(
  "sub",
  (a, b) => a - b,
  (g) => [() => g, () => mul(g, -1)],
);
/** a · b, broadcasting. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const mul: Binary = binary(
  "mul",
  (a, b) => a * b,
  (g, a, b) => [() => mul(g, b), () => mul(g, a)],
);
/** a / b, broadcasting. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const div: Binary = binary(
  "div",
  (a, b) => a / b,
  (g, _, b, y) => [() => div(g, b), () => mul(div(mul(g, y), b), -1)],
  {
    b: awayFromZero,
  },
);
/** IEEE 754's pow: unlike `**`, a base 1 gives 1 for every exponent and a base -1 for infinite ones. */
const power = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);

/**
 * a to the power b, broadcasting; 1 where a is 1, also for a NaN b. The gradient of an exponent 0 is 0 also at a = 0.
 * Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError.
 */
export const pow: Binary = binary(
  "pow",
  power,
  (g, a, b, y) => [
    () => mul(mul(g, b), pow(where(equal(b, 0), where(equal(a, 0), 1, a), a), sub(b, 1))),
    () => where(equal(a, 0), 0, mul(mul(g, y), log(where(equal(a, 0), 1, a)))),
  ],
  { a: positive },
);
/**
 * The larger of a and b; at a tie the gradient is split in halves. NaN wins. Shapes: any two that broadcast. Errors:
 * DTypeError for two dtypes, ShapeError.
 */
export const maximum: Binary = binary(
  "maximum",
  Math.max,
  (g, a, b) => [() => share(g, greater(a, b), equal(a, b)), () => share(g, less(a, b), equal(a, b))],
  { smooth: false },
);
/**
 * The smaller of a and b; at a tie the gradient is split in halves. NaN wins. Shapes: any two that broadcast. Errors:
 * DTypeError for two dtypes, ShapeError.
 */
export const minimum: Binary = binary(
  "minimum",
  Math.min,
  (g, a, b) => [() => share(g, less(a, b), equal(a, b)), () => share(g, greater(a, b), equal(a, b))],
  { smooth: false },
);

/** The whole cotangent to the winner, half of it at a tie. */
function share(g: Tensor, wins: Tensor, ties: Tensor): Tensor {
  return where(wins, g, where(ties, mul(g, 0.5), 0));
}
