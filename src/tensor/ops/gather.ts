import { ArgumentError, ShapeError } from "../../errors.ts";
import { type Draw, drawIndices, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireIndex, requireSameDtype, requireShape } from "../require.ts";
import { formatShape, normalizeAxis, stridesOf } from "../shape.ts";
import { type Meta, type Tensor, tensor, zeros } from "../tensor.ts";
import { offsets } from "../walk.ts";
import { expand } from "./expand.ts";
import { reshape } from "./reshape.ts";

/** The indexed axis, in [0, rank). */
export interface IndexAttrs {
  /** The axis that indices count along; below 0 from the last one. */
  readonly dim: number;
}

/** For each element of `index`, the offset in `x` of the element it names along `dim`. */
export function named(op: string, x: Meta, index: Tensor, dim: number): Int32Array {
  const strides = stridesOf(x.shape);
  const at = offsets(
    index.shape,
    strides.map((s, i) => (i === dim ? 0 : s)),
  );
  for (let i = 0; i < at.length; i++) {
    const k = index.data[i];
    if (k < 0 || k >= x.shape[dim]) throw new ArgumentError(op, `every index must be in [0, ${x.shape[dim]}), got ${k} (element ${i})`);
    at[i] += k * strides[dim];
  }
  return at;
}

/** Checks the shapes of an index that names elements of x along `dim`. */
export function requireInside(op: string, x: Meta, index: Meta, dim: number): void {
  requireIndex(op, "index", index);
  if (index.shape.length !== x.shape.length || dim >= x.shape.length || index.shape.some((d, i) => i !== dim && d > x.shape[i])) {
    throw new ShapeError(
      op,
      `index must have the rank of x and fit it outside dim ${dim}, got ${formatShape(index.shape)} for ${formatShape(x.shape)}`,
    );
  }
}

function drawGather(draw: Draw): { x: Tensor; index: Tensor; attrs: IndexAttrs } {
  const shape = drawShape(draw, 1, 3);
  const dim = draw.int(0, shape.length - 1);
  const indexShape = shape.map((d, i) => (i === dim ? draw.int(1, 4) : draw.int(1, d)));
  return { x: drawTensor(draw, shape), index: drawIndices(draw, indexShape, 0, shape[dim] - 1), attrs: { dim } };
}

/**
 * y[i][j] = x[i][index[i][j]] for dim 1, and alike for other axes; y has the shape of `index` (i32).
 * Errors: ArgumentError for an index outside the axis.
 */
export const gather: Op<IndexAttrs, (x: Tensor, index: Tensor, options: IndexAttrs) => Tensor> = defineOp(
  {
    name: "gather",
    infer([x, index], { dim }) {
      requireInside("gather", x, index, dim);
      return [{ shape: index.shape, dtype: x.dtype }];
    },
    reference([x, index], { dim }, [y]) {
      const from = named("gather", x, index, dim);
      for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[from[i]];
    },
    vjp: ([g], { inputs: [x, index], attrs, wants }) => [
      g && wants[0] ? scatterAdd(zeros(x.shape, x.dtype), index, g, attrs) : undefined,
      undefined,
    ],
    sample(draw) {
      const { x, index, attrs } = drawGather(draw);
      return { inputs: [x, index], attrs };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), tensor([0], undefined, "i32")], attrs: { dim: 0 } }),
  },
  (run) =>
    (x: Tensor, index: Tensor, { dim }: IndexAttrs) =>
      run([x, index], { dim: normalizeAxis("gather", dim, x.shape.length) })[0],
);

/**
 * A copy of x with src[i][j] added to x[i][index[i][j]] (for dim 1); `index` (i32) and `src` have the same shape.
 * Errors: DTypeError for two dtypes or an index that is not i32, ShapeError where shapes do not fit, ArgumentError for
 * an index out of range.
 */
export const scatterAdd: Op<IndexAttrs, (x: Tensor, index: Tensor, src: Tensor, options: IndexAttrs) => Tensor> = defineOp(
  {
    name: "scatterAdd",
    infer([x, index, src], { dim }) {
      requireInside("scatterAdd", x, index, dim);
      requireSameDtype("scatterAdd", x, src, ["x", "src"]);
      requireShape("scatterAdd", "src", src, index.shape);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x, index, src], { dim }, [y]) {
      const into = named("scatterAdd", x, index, dim);
      const sums = Float64Array.from(x.data);
      for (let i = 0; i < into.length; i++) sums[into[i]] += src.data[i];
      y.data.set(sums);
    },
    vjp: ([g], { inputs: [, index], attrs, wants }) => [
      wants[0] ? g : undefined,
      undefined,
      g && wants[2] ? gather(g, index, attrs) : undefined,
    ],
    sample(draw) {
      const { x, index, attrs } = drawGather(draw);
      return { inputs: [x, index, drawTensor(draw, index.shape)], attrs };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2]), tensor([0], undefined, "i32"), drawTensor(draw, [2])], attrs: { dim: 0 } }),
  },
  (run) =>
    (x: Tensor, index: Tensor, src: Tensor, { dim }: IndexAttrs) =>
      run([x, index, src], { dim: normalizeAxis("scatterAdd", dim, x.shape.length) })[0],
);

/**
 * The entries of axis `dim` that the 1-D `index` (i32) names, in its order; an entry may be taken more than once.
 * Shape: [..., n, ...] and [k] → [..., k, ...]. Errors: DTypeError unless the index is i32, ShapeError unless it has
 * rank 1, ArgumentError for one out of range.
 */
export const indexSelect: Op<IndexAttrs, (x: Tensor, index: Tensor, options: IndexAttrs) => Tensor> = defineOp(
  {
    name: "indexSelect",
    infer([x, index], { dim }) {
      requireIndex("indexSelect", "index", index);
      if (index.shape.length !== 1) throw new ShapeError("indexSelect", `index must have rank 1, got ${formatShape(index.shape)}`);
      return [{ shape: x.shape.map((d, i) => (i === dim ? index.shape[0] : d)), dtype: x.dtype }];
    },
    reference([x, index], { dim }, [y]) {
      const strides = stridesOf(x.shape);
      const at = offsets(
        y.shape,
        strides.map((s, i) => (i === dim ? 0 : s)),
      );
      const inner = strides[dim];
      for (let i = 0; i < y.data.length; i++) {
        const k = index.data[Math.floor(i / inner) % index.size];
        if (k < 0 || k >= x.shape[dim]) throw new ArgumentError("indexSelect", `every index must be in [0, ${x.shape[dim]}), got ${k}`);
        y.data[i] = x.data[at[i] + k * inner];
      }
    },
    vjp([g], { inputs: [x, index], attrs, wants }) {
      if (!g || !wants[0]) return [undefined, undefined];
      const aligned = reshape(index, { shape: x.shape.map((_, i) => (i === attrs.dim ? index.size : 1)) });
      return [scatterAdd(zeros(x.shape, x.dtype), expand(aligned, { shape: g.shape }), g, attrs), undefined];
    },
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      const dim = draw.int(0, shape.length - 1);
      return { inputs: [drawTensor(draw, shape), drawIndices(draw, [draw.int(1, 4)], 0, shape[dim] - 1)], attrs: { dim } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), tensor([[0]], undefined, "i32")], attrs: { dim: 0 } }),
  },
  (run) =>
    (x: Tensor, index: Tensor, { dim }: IndexAttrs) =>
      run([x, index], { dim: normalizeAxis("indexSelect", dim, x.shape.length) })[0],
);
