import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { roundHalfEven } from "../round.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { add, sub } from "./binary.ts";

/**
 * Nearest integer, ties to even, with the gradient of the identity (straight-through estimator). Shape: any, kept.
 * Errors: DTypeError for integers.
 */
export const roundSte: Op<Record<string, never>, (x: Tensor) => Tensor> = defineOp(
  {
    name: "roundSte",
    infer([x]) {
      requireFloat("roundSte", "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], _, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = roundHalfEven(x.data[i]);
    },
    vjp: ([g]) => [g],
    surrogate({ inputs: [x] }) {
      const residual = sub(roundSte(x), x);
      return ([at]) => [add(at, residual)];
    },
    sample: (draw) => ({ inputs: [drawTensor(draw, drawShape(draw, 0, 3))], attrs: {} }),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: {} }),
  },
  (run) => (x: Tensor) => run([x], {})[0],
);
