import { ShapeError } from "../../errors.ts";
import { drawDistinct, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { formatShape, normalizeAxis, splitAt } from "../shape.ts";
import { type Tensor, zeros } from "../tensor.ts";
import { scatterAdd } from "./gather.ts";

interface TopkAttrs {
  readonly k: number;
  readonly dim: number;
  readonly largest: boolean;
}

/** The k best of a row: best first, NaN above every number, equal values by ascending index. */
function ranking(row: Float64Array, k: number, largest: boolean): Int32Array {
  const before = (a: number, b: number) => (Number.isNaN(a) ? !Number.isNaN(b) : a > b);
  return contenders(row, k, largest).sort((i, j) => {
    const [a, b] = largest ? [row[i], row[j]] : [row[j], row[i]];
    return before(a, b) ? -1 : before(b, a) ? 1 : i - j;
  });
}

/** The indices that can be among the k best: those no worse than the k-th value; sorting numbers alone is quick. */
function contenders(row: Float64Array, k: number, largest: boolean): Int32Array {
  const sorted = row.slice().sort();
  const last = largest ? sorted[row.length - k] : sorted[k - 1];
  if (k === 0 || Number.isNaN(last)) return Int32Array.from(row, (_, i) => i);
  const found = new Int32Array(row.length);
  let n = 0;
  for (let i = 0; i < row.length; i++) if (largest ? !(row[i] < last) : row[i] <= last) found[n++] = i;
  return found.subarray(0, n);
}

/**
 * The k best values along `dim` (default the last), best first, and their indices (i32); equal values keep ascending
 * index. Errors: ShapeError where k exceeds the axis. Shape: [..., n, ...] → twice [..., k, ...].
 */
export const topk: Op<TopkAttrs, (x: Tensor, options: { k: number; dim?: number; largest?: boolean }) => [Tensor, Tensor]> = defineOp(
  {
    name: "topk",
    infer([x], { k, dim }) {
      requireFloat("topk", "x", x);
      if (!Number.isInteger(k) || k < 0 || k > x.shape[dim]) {
        throw new ShapeError("topk", `k must be an integer in [0, ${x.shape[dim]}], got ${k} (${formatShape(x.shape)}, dim ${dim})`);
      }
      const shape = x.shape.map((d, i) => (i === dim ? k : d));
      return [
        { shape, dtype: x.dtype },
        { shape, dtype: "i32" },
      ];
    },
    reference([x], { k, dim, largest }, [values, indices]) {
      const [outer, length, inner] = splitAt(x.shape, dim);
      const row = new Float64Array(length);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          for (let l = 0; l < length; l++) row[l] = x.data[(o * length + l) * inner + i];
          const order = ranking(row, k, largest);
          for (let j = 0; j < k; j++) {
            values.data[(o * k + j) * inner + i] = row[order[j]];
            indices.data[(o * k + j) * inner + i] = order[j];
          }
        }
      }
    },
    vjp: ([g], { inputs: [x], outputs: [, indices], attrs: { dim } }) => [g && scatterAdd(zeros(x.shape, x.dtype), indices, g, { dim })],
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      const dim = draw.int(0, shape.length - 1);
      return { inputs: [drawDistinct(draw, shape)], attrs: { k: draw.int(1, shape[dim]), dim, largest: draw.bool() } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2])], attrs: { k: 3, dim: 0, largest: true } }),
  },
  (run) =>
    (x: Tensor, { k, dim = -1, largest = true }: { k: number; dim?: number; largest?: boolean }) => {
      const [values, indices] = run([x], { k, dim: normalizeAxis("topk", dim, x.shape.length), largest });
      return [values, indices] as [Tensor, Tensor];
    },
);

/**
 * All values along `dim` (default the last) in ascending or descending order, and their indices (i32); equal values
 * keep ascending index. Shape: any, kept by both. Errors: DTypeError for integers, ShapeError for a `dim` that x does
 * not have.
 */
export function sort(x: Tensor, { dim = -1, descending = false }: { dim?: number; descending?: boolean } = {}): [Tensor, Tensor] {
  const axis = normalizeAxis("sort", dim, x.shape.length);
  return topk(x, { k: x.shape[axis], dim: axis, largest: descending });
}
