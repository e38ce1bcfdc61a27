import { ArgumentError, ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { bind, defineOp, type Op } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** `k` names the diagonal: 0 the main one, 1 the one above it. */
interface TriangleAttrs {
  readonly k: number;
}

type Triangle = Op<TriangleAttrs, (x: Tensor, options?: Partial<TriangleAttrs>) => Tensor>;

/** Keeps the elements of the last two axes for which `keeps(column - row, k)` holds, and puts 0 elsewhere. */
function triangle(name: string, keeps: (distance: number, k: number) => boolean): Triangle {
  const op: Triangle = defineOp(
    {
      name,
      infer([x], { k }) {
        if (x.shape.length < 2) throw new ShapeError(name, `x must have rank >= 2, got ${x.dtype}${formatShape(x.shape)}`);
        if (!Number.isInteger(k)) throw new ArgumentError(name, `k must be an integer, got ${k}`);
        return [{ shape: x.shape, dtype: x.dtype }];
      },
      reference([x], { k }, [y]) {
        const [rows, columns] = x.shape.slice(-2);
        for (let i = 0; i < y.data.length; i++) {
          const row = Math.floor(i / columns) % rows;
          y.data[i] = keeps((i % columns) - row, k) ? x.data[i] : 0;
        }
      },
      vjp: ([g], { attrs }) => [g && bind(op.def, [g], attrs)[0]],
      sample: (draw) => ({ inputs: [drawTensor(draw, drawShape(draw, 2, 4))], attrs: { k: draw.int(-3, 3) } }),
      misuse: (draw) => ({ inputs: [drawTensor(draw, [3])], attrs: { k: 0 } }),
    },
    (run) =>
      (x: Tensor, { k = 0 }: Partial<TriangleAttrs> = {}) =>
        run([x], { k })[0],
  );
  return op;
}

/**
 * The elements of x [..., M, N] on and below diagonal `k` (default 0), 0 elsewhere. Any dtype. Errors: ShapeError where
 * x has rank below 2, ArgumentError unless k is an integer.
 */
export const tril: Triangle = triangle("tril", (distance, k) => distance <= k);
/**
 * The elements of x [..., M, N] on and above diagonal `k` (default 0), 0 elsewhere. Any dtype. Errors: ShapeError where
 * x has rank below 2, ArgumentError unless k is an integer.
 */
export const triu: Triangle = triangle("triu", (distance, k) => distance >= k);
