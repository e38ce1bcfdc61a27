import { drawAway, drawShape } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { greaterEqual, lessEqual } from "./compare.ts";
import { where } from "./where.ts";

/** Infinite where a side is open. */
interface ClampAttrs {
  readonly min: number;
  readonly max: number;
}

/** min(max(x, min), max); a missing side is open. The gradient passes at both ends. Shape: any, kept. Errors: DTypeError for integers. */
export const clamp: Op<ClampAttrs, (x: Tensor, options: { min?: number; max?: number }) => Tensor> = defineOp(
  {
    name: "clamp",
    infer([x]) {
      requireFloat("clamp", "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], { min, max }, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = Math.min(Math.max(x.data[i], min), max);
    },
    vjp: ([g], { inputs: [x], attrs: { min, max } }) => [g && where(greaterEqual(x, min), where(lessEqual(x, max), g, 0), 0)],
    smooth: false,
    sample: (draw) => ({
      inputs: [drawAway(draw, drawShape(draw, 0, 3), [-1, 0.5])],
      attrs: { min: -1, max: draw.oneOf([0.5, Infinity]) },
    }),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { min: 0, max: 1 } }),
  },
  (run) =>
    (x: Tensor, { min = -Infinity, max = Infinity }: { min?: number; max?: number }) =>
      run([x], { min, max })[0],
);
