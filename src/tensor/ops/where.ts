import { DTypeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireSameDtype } from "../require.ts";
import { broadcastShapes, broadcastStrides, sizeOf } from "../shape.ts";
import { scalar, Tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";
import type { Operand } from "./binary.ts";
import { sumTo } from "./reduce.ts";

type NoAttrs = Record<string, never>;

/**
 * `a` where `condition` (u8, as comparisons give it) is not 0, else `b`; all three broadcast. One of `a` and `b` may
 * be a number. Errors: DTypeError for a condition that is not u8. Shapes: any three that broadcast.
 */
export const where: Op<NoAttrs, (condition: Tensor, a: Operand, b: Operand) => Tensor> = defineOp(
  {
    name: "where",
    infer([c, a, b]) {
      if (c.dtype !== "u8") throw new DTypeError("where", `condition must be u8, got ${c.dtype}`);
      requireSameDtype("where", a, b);
      return [{ shape: broadcastShapes("where", c.shape, broadcastShapes("where", a.shape, b.shape)), dtype: a.dtype }];
    },
    reference([c, a, b], _, [y]) {
      const [ic, ia, ib] = [c, a, b].map((t) => offsets(y.shape, broadcastStrides(t.shape, y.shape)));
      for (let i = 0; i < y.data.length; i++) y.data[i] = c.data[ic[i]] !== 0 ? a.data[ia[i]] : b.data[ib[i]];
    },
    vjp: ([g], { inputs: [c, a, b], wants }) => [
      undefined,
      g && wants[1] ? sumTo(where(c, g, 0), a.shape) : undefined,
      g && wants[2] ? sumTo(where(c, 0, g), b.shape) : undefined,
    ],
    sample(draw) {
      const shape = drawShape(draw, 0, 3);
      const c = new Tensor(
        shape,
        "u8",
        Uint8Array.from({ length: sizeOf(shape) }, () => (draw.bool() ? 1 : 0)),
      );
      return { inputs: [c, drawTensor(draw, shape), drawTensor(draw, draw.bool() ? shape : [])], attrs: {} };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2]), drawTensor(draw, [2]), drawTensor(draw, [2])], attrs: {} }),
  },
  (run) => (condition: Tensor, a: Operand, b: Operand) => {
    const x = typeof a === "number" ? scalar(a, (b as Tensor).dtype) : a;
    const y = typeof b === "number" ? scalar(b, x.dtype) : b;
    return run([condition, x, y], {})[0];
  },
);
