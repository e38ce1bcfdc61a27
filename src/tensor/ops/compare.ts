import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireSameDtype } from "../require.ts";
import { broadcastShapes, broadcastStrides } from "../shape.ts";
import { scalar, type Tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";
import type { Operand } from "./binary.ts";

type NoAttrs = Record<string, never>;
type Comparison = Op<NoAttrs, (a: Operand, b: Operand) => Tensor>;

/** One row: u8 tensor of 0 and 1, broadcasting, without a gradient. A comparison with NaN is 0. */
function comparison(name: string, holds: (a: number, b: number) => boolean): Comparison {
  return defineOp<NoAttrs, (a: Operand, b: Operand) => Tensor>(
    {
      name,
      infer([a, b]) {
        requireSameDtype(name, a, b);
        return [{ shape: broadcastShapes(name, a.shape, b.shape), dtype: "u8" }];
      },
      reference([a, b], _, [y]) {
        const ia = offsets(y.shape, broadcastStrides(a.shape, y.shape));
        const ib = offsets(y.shape, broadcastStrides(b.shape, y.shape));
        for (let i = 0; i < y.data.length; i++) y.data[i] = holds(a.data[ia[i]], b.data[ib[i]]) ? 1 : 0;
      },
      vjp: "none",
      sample(draw) {
        const shape = drawShape(draw, 0, 3);
        return { inputs: [drawTensor(draw, shape), drawTensor(draw, draw.bool() ? shape : [])], attrs: {} };
      },
      misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2, 4])], attrs: {} }),
    },
    (run) => (a, b) => {
      const x = typeof a === "number" ? scalar(a, (b as Tensor).dtype) : a;
      const y = typeof b === "number" ? scalar(b, x.dtype) : b;
      return run([x, y], {})[0];
    },
  );
}

/** a > b as u8. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const greater: Comparison = comparison("greater", (a, b) => a > b);
/** a >= b as u8. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const greaterEqual: Comparison = comparison("greaterEqual", (a, b) => a >= b);
/** a < b as u8. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const less: Comparison = comparison("less", (a, b) => a < b);
/** a <= b as u8. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const lessEqual: Comparison = comparison("lessEqual", (a, b) => a <= b);
/** a = b as u8. Shapes: any two that broadcast. Errors: DTypeError for two dtypes, ShapeError. */
export const equal: Comparison = comparison("equal", (a, b) => a === b);
