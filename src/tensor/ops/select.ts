import { ArgumentError, DTypeError, ShapeError } from "../../errors.ts";
import { drawIndices, drawShape } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireIndex, requireShape } from "../require.ts";
import { formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { type DType, Tensor, tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { equal } from "./compare.ts";
import { indexSelect } from "./gather.ts";
import { flatten, reshape, unsqueeze } from "./reshape.ts";

interface RavelAttrs {
  /** Sizes of the axes the indices belong to. */
  readonly shape: readonly number[];
}

/**
 * Row-major offsets i0 · shape[1] + i1 (and so on) of positions in `shape`, from one i32 tensor of indices per axis, all of
 * one shape. Errors: ArgumentError for an index outside its axis.
 */
export const ravelIndex: Op<RavelAttrs, (indices: readonly Tensor[], options: RavelAttrs) => Tensor> = defineOp(
  {
    name: "ravelIndex",
    infer(indices, { shape }) {
      if (indices.length === 0 || indices.length !== shape.length) {
        throw new ShapeError("ravelIndex", `there must be one index for each axis of ${formatShape(shape)}, got ${indices.length}`);
      }
      indices.forEach((index, k) => {
        requireIndex("ravelIndex", `indices[${k}]`, index);
        requireShape("ravelIndex", `indices[${k}]`, index, indices[0].shape);
      });
      return [{ shape: indices[0].shape, dtype: "i32" }];
    },
    reference(indices, { shape }, [y]) {
      for (let i = 0; i < y.data.length; i++) {
        let at = 0;
        for (let k = 0; k < shape.length; k++) {
          const value = indices[k].data[i];
          if (value < 0 || value >= shape[k]) {
            throw new ArgumentError("ravelIndex", `every index of axis ${k} must be in [0, ${shape[k]}), got ${value} (element ${i})`);
          }
          at = at * shape[k] + value;
        }
        y.data[i] = at;
      }
    },
    vjp: "none",
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      const own = drawShape(draw, 0, 2);
      return { inputs: shape.map((d) => drawIndices(draw, own, 0, d - 1)), attrs: { shape } as RavelAttrs };
    },
    misuse: () => ({ inputs: [tensor([2], undefined, "i32")], attrs: { shape: [2] } as RavelAttrs }),
  },
  (run) => (indices: readonly Tensor[], options: RavelAttrs) => run(indices, { shape: options.shape })[0],
);

/**
 * x[i0, i1, ...] along the neighbouring axes `dims`, in ascending order: i32 indices of one shape, which takes the place of
 * those axes. Errors: ShapeError for other axes; ArgumentError for an index outside its axis.
 */
export function indexNd(x: Tensor, indices: readonly Tensor[], { dims }: { dims: readonly number[] }): Tensor {
  const axes = dims.map((d) => normalizeAxis("indexNd", d, x.shape.length));
  if (axes.length === 0 || axes.some((a, i) => a !== axes[0] + i)) {
    throw new ShapeError("indexNd", `dims must be neighbouring axes in ascending order, got ${formatShape(dims)}`);
  }
  const [before, after] = [x.shape.slice(0, axes[0]), x.shape.slice(axes[0] + axes.length)];
  const spanned = axes.map((a) => x.shape[a]);
  const at = ravelIndex(indices, { shape: spanned });
  const merged = reshape(x, { shape: [...before, sizeOf(spanned), ...after] });
  return reshape(indexSelect(merged, flatten(at), { dim: axes[0] }), { shape: [...before, ...at.shape, ...after] });
}

/** Rows of weight [V, D] by number: index [...] i32 → [..., D]. Errors: ArgumentError for a number outside [0, V). */
export function embedding(index: Tensor, weight: Tensor): Tensor {
  if (weight.shape.length !== 2) throw new ShapeError("embedding", `weight must have rank 2, got ${formatShape(weight.shape)}`);
  return reshape(indexSelect(weight, flatten(index), { dim: 0 }), { shape: [...index.shape, weight.shape[1]] });
}

/**
 * The elements of x where `mask` (u8, the shape of x) is not 0, in row-major order, as one axis. Their number
 * depends on values, so that a compiled function cannot record it. Errors: DTypeError unless the mask is u8, ShapeError
 * unless it has the shape of x.
 */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  if (mask.dtype !== "u8") throw new DTypeError("maskedSelect", `mask must be u8, got ${mask.dtype}${formatShape(mask.shape)}`);
  if (!sameShape(mask.shape, x.shape)) {
    throw new ShapeError("maskedSelect", `mask must have the shape of x ${formatShape(x.shape)}, got ${formatShape(mask.shape)}`);
  }
  const found: number[] = [];
  for (let i = 0; i < mask.data.length; i++) if (mask.data[i] !== 0) found.push(i);
  return indexSelect(flatten(x), new Tensor([found.length], "i32", Int32Array.from(found)), { dim: 0 });
}

/**
 * A new last axis of length `classes` with 1 at each index (i32) and 0 elsewhere, f32 unless `dtype` says otherwise;
 * an index outside [0, classes) gives a row of zeros. Errors: DTypeError unless the index is i32, ArgumentError for a
 * number of classes that is no integer >= 0.
 */
export function oneHot(index: Tensor, { classes, dtype = "f32" }: { classes: number; dtype?: DType }): Tensor {
  requireIndex("oneHot", "index", index);
  if (!Number.isInteger(classes) || classes < 0) throw new ArgumentError("oneHot", `classes must be an integer >= 0, got ${classes}`);
  const numbers = new Tensor(
    [classes],
    "i32",
    Int32Array.from({ length: classes }, (_, i) => i),
  );
  return cast(equal(unsqueeze(index, { dim: -1 }), numbers), dtype);
}
