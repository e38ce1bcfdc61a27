import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import type { DType, Tensor } from "../tensor.ts";

interface CastAttrs {
  readonly dtype: DType;
}

const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f64";

/**
 * Converts the element type; floats are truncated towards zero, and integers wrap, as typed arrays do. Returns `x`
 * itself where nothing changes. The gradient passes between float types only. Shape: any, kept.
 */
export const cast: Op<CastAttrs, (x: Tensor, dtype: DType) => Tensor> = defineOp(
  {
    name: "cast",
    infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
    reference([x], _, [y]) {
      y.data.set(x.data);
    },
    vjp: ([g], { inputs: [x], attrs }) => [g && isFloat(x.dtype) && isFloat(attrs.dtype) ? cast(g, x.dtype) : undefined],
    sample: (draw) => ({ inputs: [drawTensor(draw, drawShape(draw, 0, 3))], attrs: { dtype: draw.dtype } }),
  },
  (run) => (x: Tensor, dtype: DType) => (x.dtype === dtype ? x : run([x], { dtype })[0]),
);
