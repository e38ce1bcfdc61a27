import { ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { broadcastShapes, broadcastStrides, formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";
import { sumTo } from "./reduce.ts";

interface ExpandAttrs {
  readonly shape: readonly number[];
}

/**
 * Repeats axes of size 1, and adds leading ones, up to `shape`; any dtype. Returns `x` itself where nothing changes.
 * Shape: [..., 1, ...] → [..., n, ...]. Errors: ShapeError where x does not broadcast to `shape`.
 */
export const expand: Op<ExpandAttrs, (x: Tensor, options: ExpandAttrs) => Tensor> = defineOp(
  {
    name: "expand",
    infer([x], { shape }) {
      if (!sameShape(broadcastShapes("expand", x.shape, shape), shape)) {
        throw new ShapeError("expand", `x must broadcast to ${formatShape(shape)}, got ${formatShape(x.shape)}`);
      }
      return [{ shape, dtype: x.dtype }];
    },
    reference([x], _, [y]) {
      const from = offsets(y.shape, broadcastStrides(x.shape, y.shape));
      for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[from[i]];
    },
    vjp: ([g], { inputs: [x] }) => [g && sumTo(g, x.shape)],
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      const from = shape.map((d) => (draw.bool() ? 1 : d)).slice(draw.int(0, 1));
      return { inputs: [drawTensor(draw, from)], attrs: { shape } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3])], attrs: { shape: [2, 1] } }),
  },
  (run) =>
    (x: Tensor, { shape }: ExpandAttrs) =>
      sameShape(x.shape, shape) ? x : run([x], { shape })[0],
);
