import { ShapeError } from "../../errors.ts";
import { drawTensor } from "../draw.ts";
import { type Call, defineOp, type Op } from "../op.ts";
import { requireFloat, requireSameDtype } from "../require.ts";
import { formatShape, normalizeAxis } from "../shape.ts";
import { type Tensor, tensor } from "../tensor.ts";

interface BucketizeAttrs {
  /** The axis that has thresholds of its own per entry; null where all share them. */
  readonly axis: number | null;
}

/** The number of ascending thresholds data[start..end) that lie below v; all of them for NaN. */
function countBelow(data: ArrayLike<number>, start: number, end: number, v: number): number {
  let [low, high] = [start, end];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (data[middle] >= v) high = middle;
    else low = middle + 1;
  }
  return low - start;
}

/**
 * How many of the ascending thresholds lie below each element, as i32: the number of its bucket, where a threshold itself
 * belongs to the bucket under it. Shapes: x any, thresholds [T], or [C, T] with C = x.shape[axis]; the index has the shape
 * of x. NaN lies in the last bucket. Without a gradient.
 *
 * Errors: ShapeError for thresholds that do not fit, DTypeError for two dtypes.
 */
export const bucketize: Op<BucketizeAttrs, (x: Tensor, thresholds: Tensor, options?: { axis?: number | null }) => Tensor> = defineOp(
  {
    name: "bucketize",
    infer([x, thresholds], { axis }) {
      requireFloat("bucketize", "x", x);
      requireSameDtype("bucketize", x, thresholds, ["x", "thresholds"]);
      const fits = axis === null ? thresholds.shape.length === 1 : thresholds.shape.length === 2 && thresholds.shape[0] === x.shape[axis];
      if (!fits) {
        const wanted = axis === null ? "[T]" : `[${x.shape[axis]}, T]`;
        throw new ShapeError(
          "bucketize",
          `thresholds must have shape ${wanted}, got ${formatShape(thresholds.shape)} (x ${formatShape(x.shape)}, axis ${axis})`,
        );
      }
      return [{ shape: x.shape, dtype: "i32" }];
    },
    reference([x, thresholds], { axis }, [y]) {
      const count = thresholds.shape[thresholds.shape.length - 1];
      const channels = axis === null ? 1 : x.shape[axis];
      const inner = axis === null ? x.size : x.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
      for (let i = 0; i < y.data.length; i++) {
        const start = (Math.floor(i / inner) % channels) * count;
        y.data[i] = countBelow(thresholds.data, start, start + count, x.data[i]);
      }
    },
    vjp: "none",
    sample(draw): Call<BucketizeAttrs> {
      const shape = [draw.int(1, 3), draw.int(1, 3), draw.int(1, 3)];
      const axis = draw.bool() ? draw.int(0, 2) : null;
      const [rows, count] = [axis === null ? 1 : shape[axis], draw.int(1, 5)];
      const sorted = Array.from({ length: rows }, () => Array.from({ length: count }, () => draw.float(-2, 2)).sort((a, b) => a - b));
      const thresholds = tensor(sorted.flat(), axis === null ? [count] : [rows, count], draw.dtype);
      return { inputs: [drawTensor(draw, shape), thresholds], attrs: { axis } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2, 2])], attrs: { axis: 1 } }),
  },
  (run) =>
    (x: Tensor, thresholds: Tensor, { axis = null }: { axis?: number | null } = {}) =>
      run([x, thresholds], { axis: axis === null ? null : normalizeAxis("bucketize", axis, x.shape.length) })[0],
);
