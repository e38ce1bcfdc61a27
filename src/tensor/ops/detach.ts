import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import type { Tensor } from "../tensor.ts";

/** The same values, through which no gradient flows: a weight that a loss computes but does not learn. Any dtype. Any shape. */
export const detach: Op<Record<string, never>, (x: Tensor) => Tensor> = defineOp(
  {
    name: "detach",
    infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
    reference([x], _, [y]) {
      y.data.set(x.data);
    },
    view: true,
    vjp: "none",
    sample: (draw) => ({ inputs: [drawTensor(draw, drawShape(draw, 0, 3))], attrs: {} }),
  },
  (run) => (x: Tensor) => run([x], {})[0],
);
