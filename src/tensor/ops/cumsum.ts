import { drawShape, drawTensor } from "../draw.ts";
import { bind, defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { normalizeAxis, splitAt } from "../shape.ts";
import { type Tensor, tensor } from "../tensor.ts";

interface CumsumAttrs {
  readonly dim: number;
  /** Whether an element is left out of its own sum. */
  readonly exclusive: boolean;
  /** Whether sums run from the end. */
  readonly reverse: boolean;
}

type CumsumOptions = Pick<CumsumAttrs, "dim"> & Partial<CumsumAttrs>;

/**
 * Running sums along `dim`, accumulated in double; `exclusive` and `reverse` (default false) as in ONNX. Shape: any,
 * kept. Errors: DTypeError for integers, ShapeError for a `dim` that x does not have.
 */
export const cumsum: Op<CumsumAttrs, (x: Tensor, options: CumsumOptions) => Tensor> = defineOp(
  {
    name: "cumsum",
    infer([x], { dim }) {
      requireFloat("cumsum", "x", x);
      normalizeAxis("cumsum", dim, x.shape.length);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], { dim, exclusive, reverse }, [y]) {
      const [outer, length, inner] = splitAt(x.shape, dim);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let total = 0;
          for (let k = 0; k < length; k++) {
            const at = (o * length + (reverse ? length - 1 - k : k)) * inner + i;
            if (exclusive) y.data[at] = total;
            total += x.data[at];
            if (!exclusive) y.data[at] = total;
          }
        }
      }
    },
    vjp: ([g], { attrs }) => [g && bind(cumsum.def, [g], { ...attrs, reverse: !attrs.reverse })[0]],
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      return {
        inputs: [drawTensor(draw, shape)],
        attrs: { dim: draw.int(0, shape.length - 1), exclusive: draw.bool(), reverse: draw.bool() },
      };
    },
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { dim: 0, exclusive: false, reverse: false } as CumsumAttrs }),
  },
  (run) =>
    (x: Tensor, { dim, exclusive = false, reverse = false }: CumsumOptions) =>
      run([x], { dim: normalizeAxis("cumsum", dim, x.shape.length), exclusive, reverse })[0],
);
