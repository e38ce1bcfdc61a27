import { ArgumentError, ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireSameDtype } from "../require.ts";
import { formatShape, normalizeAxis, splitAt } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { unsqueeze } from "./reshape.ts";
import { slice } from "./slice.ts";

interface ConcatAttrs {
  readonly dim: number;
}

/**
 * Tensors one after the other along `dim`: [..., a, ...] and [..., b, ...] → [..., a + b, ...]; other axes and dtypes
 * must agree. Errors: ArgumentError for an empty list, ShapeError or DTypeError where the tensors do not agree.
 */
export const concat: Op<ConcatAttrs, (xs: readonly Tensor[], options: ConcatAttrs) => Tensor> = defineOp(
  {
    name: "concat",
    infer(inputs, { dim }) {
      const [first] = inputs;
      inputs.forEach((x, k) => {
        requireSameDtype("concat", first, x, ["xs[0]", `xs[${k}]`]);
        if (x.shape.length !== first.shape.length || x.shape.some((d, i) => i !== dim && d !== first.shape[i])) {
          throw new ShapeError(
            "concat",
            `all inputs must agree outside dim ${dim}, got ${formatShape(first.shape)} and ${formatShape(x.shape)}`,
          );
        }
      });
      const total = inputs.reduce((n, x) => n + x.shape[dim], 0);
      return [{ shape: first.shape.map((d, i) => (i === dim ? total : d)), dtype: first.dtype }];
    },
    reference(inputs, { dim }, [y]) {
      const [outer, , inner] = splitAt(y.shape, dim);
      let at = 0;
      for (let o = 0; o < outer; o++) {
        for (const x of inputs) {
          const row = x.shape[dim] * inner;
          y.data.set(x.data.subarray(o * row, (o + 1) * row), at);
          at += row;
        }
      }
    },
    vjp([g], { inputs, attrs: { dim }, wants }) {
      let end = 0;
      return inputs.map((x, i) => {
        const start = end;
        end += x.shape[dim];
        return g && wants[i] ? slice(g, { dim, start, end }) : undefined;
      });
    },
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      const dim = draw.int(0, shape.length - 1);
      const inputs = Array.from({ length: draw.int(1, 3) }, () =>
        drawTensor(
          draw,
          shape.map((d, i) => (i === dim ? draw.int(1, 3) : d)),
        ),
      );
      return { inputs, attrs: { dim } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2, 4])], attrs: { dim: 0 } }),
  },
  (run) =>
    (xs: readonly Tensor[], { dim }: ConcatAttrs) => {
      if (xs.length === 0) throw new ArgumentError("concat", "needs at least 1 tensor, got 0");
      return run(xs, { dim: normalizeAxis("concat", dim, xs[0].shape.length) })[0];
    },
);

/** Tensors of equal shape along a new axis `dim`. Errors: as `concat`. */
export function stack(xs: readonly Tensor[], { dim }: { dim: number }): Tensor {
  return concat(
    xs.map((x) => unsqueeze(x, { dim })),
    { dim },
  );
}

/** Cuts `dim` into pieces of the given sizes, which must add up to its length. Errors: ShapeError where they do not. */
export function split(x: Tensor, { sizes, dim }: { sizes: readonly number[]; dim: number }): Tensor[] {
  const axis = normalizeAxis("split", dim, x.shape.length);
  const total = sizes.reduce((n, size) => n + size, 0);
  if (total !== x.shape[axis]) throw new ShapeError("split", `sizes must add up to ${x.shape[axis]}, got ${formatShape(sizes)}`);
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((n, size) => n + size, 0));
  return sizes.map((size, i) => slice(x, { dim: axis, start: starts[i], end: starts[i] + size }));
}

/**
 * Cuts `dim` into at most `chunks` pieces of equal length, of which the last may be shorter. Errors: ArgumentError
 * unless `chunks` is an integer above 0.
 */
export function chunk(x: Tensor, { chunks, dim }: { chunks: number; dim: number }): Tensor[] {
  if (!Number.isInteger(chunks) || chunks < 1) throw new ArgumentError("chunk", `chunks must be an integer >= 1, got ${chunks}`);
  const length = x.shape[normalizeAxis("chunk", dim, x.shape.length)];
  const size = Math.max(1, Math.ceil(length / chunks));
  const count = Math.max(1, Math.ceil(length / size));
  return split(x, { sizes: Array.from({ length: count }, (_, i) => Math.min(size, length - i * size)), dim });
}
