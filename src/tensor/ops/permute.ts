import { ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { formatShape, normalizeAxis, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";

interface PermuteAttrs {
  readonly perm: readonly number[];
}

/** Axis i of the result is axis perm[i] of x; any dtype. Errors: ShapeError unless perm is a permutation of the axes. */
export const permute: Op<PermuteAttrs, (x: Tensor, options: PermuteAttrs) => Tensor> = defineOp(
  {
    name: "permute",
    infer([x], { perm }) {
      const sorted = [...perm].sort((a, b) => a - b);
      if (perm.length !== x.shape.length || sorted.some((d, i) => d !== i)) {
        throw new ShapeError("permute", `perm must order all ${x.shape.length} axes, got ${formatShape(perm)} for ${formatShape(x.shape)}`);
      }
      return [{ shape: perm.map((d) => x.shape[d]), dtype: x.dtype }];
    },
    reference([x], { perm }, [y]) {
      const strides = stridesOf(x.shape);
      const from = offsets(
        y.shape,
        perm.map((d) => strides[d]),
      );
      for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[from[i]];
    },
    vjp: ([g], { attrs: { perm } }) => [g && permute(g, { perm: perm.map((_, i) => perm.indexOf(i)) })],
    sample(draw) {
      const shape = drawShape(draw, 1, 4, 3);
      const perm = shape.map((_, i) => i);
      for (let i = perm.length - 1; i > 0; i--) {
        const j = draw.int(0, i);
        [perm[i], perm[j]] = [perm[j], perm[i]];
      }
      return { inputs: [drawTensor(draw, shape)], attrs: { perm } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3])], attrs: { perm: [0, 0] } }),
  },
  (run) =>
    (x: Tensor, { perm }: PermuteAttrs) =>
      run([x], { perm: perm.map((d) => normalizeAxis("permute", d, x.shape.length)) })[0],
);
