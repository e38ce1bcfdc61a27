import { ArgumentError } from "../../errors.ts";
import { type Draw, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireSameDtype, requireShape } from "../require.ts";
import { normalizeAxis } from "../shape.ts";
import { Tensor, tensor, zeros } from "../tensor.ts";
import { gather, type IndexAttrs, named, requireInside } from "./gather.ts";

/** Indices that name no element twice: every line along `dim` gets the same permutation. */
function drawUnique(draw: Draw): { x: Tensor; index: Tensor; attrs: IndexAttrs } {
  const shape = drawShape(draw, 1, 3);
  const dim = draw.int(0, shape.length - 1);
  const count = draw.int(1, shape[dim]);
  const first = draw.int(0, shape[dim] - 1);
  const indexShape = shape.map((d, i) => (i === dim ? count : d));
  const inner = indexShape.slice(dim + 1).reduce((n, d) => n * d, 1);
  const data = Int32Array.from(
    { length: indexShape.reduce((n, d) => n * d, 1) },
    (_, i) => (first + (Math.floor(i / inner) % count)) % shape[dim],
  );
  return { x: drawTensor(draw, shape), index: new Tensor(indexShape, "i32", data), attrs: { dim } };
}

/**
 * A copy of x with x[i][index[i][j]] replaced by src[i][j] (for dim 1); `index` (i32) and `src` have the same shape.
 *
 * Errors: ArgumentError for an index outside the axis, or one that names an element twice.
 * Departure: where an element is written twice PyTorch leaves open which value stays; here it is refused.
 */
export const scatter: Op<IndexAttrs, (x: Tensor, index: Tensor, src: Tensor, options: IndexAttrs) => Tensor> = defineOp(
  {
    name: "scatter",
    infer([x, index, src], { dim }) {
      requireInside("scatter", x, index, dim);
      requireSameDtype("scatter", x, src, ["x", "src"]);
      requireShape("scatter", "src", src, index.shape);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x, index, src], { dim }, [y]) {
      const into = named("scatter", x, index, dim);
      const written = new Uint8Array(y.size);
      y.data.set(x.data);
      for (let i = 0; i < into.length; i++) {
        if (written[into[i]]++ > 0) {
          throw new ArgumentError("scatter", `every element must be written at most once, got index ${index.data[i]} again (element ${i})`);
        }
        y.data[into[i]] = src.data[i];
      }
    },
    vjp: ([g], { inputs: [, index, src], attrs, wants }) => [
      g && wants[0] ? scatter(g, index, zeros(src.shape, g.dtype), attrs) : undefined,
      undefined,
      g && wants[2] ? gather(g, index, attrs) : undefined,
    ],
    sample(draw) {
      const { x, index, attrs } = drawUnique(draw);
      return { inputs: [x, index, drawTensor(draw, index.shape)], attrs };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2]), tensor([1, 1], undefined, "i32"), drawTensor(draw, [2])], attrs: { dim: 0 } }),
  },
  (run) =>
    (x: Tensor, index: Tensor, src: Tensor, { dim }: IndexAttrs) =>
      run([x, index, src], { dim: normalizeAxis("scatter", dim, x.shape.length) })[0],
);
