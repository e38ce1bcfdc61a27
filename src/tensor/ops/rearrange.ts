import { ArgumentError, ShapeError } from "../../errors.ts";
import { formatShape, normalizeAxis } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { concat } from "./concat.ts";
import { expand } from "./expand.ts";
import { indexSelect } from "./gather.ts";
import { permute } from "./permute.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";

const indexOf = (values: ArrayLike<number>): Tensor => new Tensor([values.length], "i32", Int32Array.from(values));

/** Reverses the order of the elements along `dims`. Shape: any, kept. */
export function flip(x: Tensor, { dims }: { dims: readonly number[] }): Tensor {
  return dims.reduce((y, d) => {
    const dim = normalizeAxis("flip", d, x.shape.length);
    const length = x.shape[dim];
    return indexSelect(y, indexOf(Array.from({ length }, (_, i) => length - 1 - i)), { dim });
  }, x);
}

/**
 * Moves every element `shift` places towards the end of `dim`; what falls off comes in at the start. Shape: any, kept.
 * Errors: ArgumentError unless `shift` is an integer.
 */
export function roll(x: Tensor, { shift, dim }: { shift: number; dim: number }): Tensor {
  if (!Number.isInteger(shift)) throw new ArgumentError("roll", `shift must be an integer, got ${shift}`);
  const axis = normalizeAxis("roll", dim, x.shape.length);
  const length = x.shape[axis];
  const cut = length === 0 ? 0 : ((-shift % length) + length) % length;
  if (cut === 0) return x;
  return concat([slice(x, { dim: axis, start: cut }), slice(x, { dim: axis, end: cut })], { dim: axis });
}

/**
 * Copies of x side by side: `repeats[i]` along axis i; more entries than axes add axes in front. Any dtype.
 * Errors: ArgumentError for fewer entries than axes, or one that is no integer >= 0.
 */
export function repeat(x: Tensor, { repeats }: { repeats: readonly number[] }): Tensor {
  if (repeats.length < x.shape.length || !repeats.every((r) => Number.isInteger(r) && r >= 0)) {
    throw new ArgumentError("repeat", `repeats must hold at least ${x.shape.length} integers >= 0, got ${formatShape(repeats)}`);
  }
  const shape = [...new Array<number>(repeats.length - x.shape.length).fill(1), ...x.shape];
  const apart = reshape(x, { shape: shape.flatMap((d) => [1, d]) });
  const copies = expand(apart, { shape: shape.flatMap((d, i) => [repeats[i], d]) });
  return reshape(copies, { shape: shape.map((d, i) => d * repeats[i]) });
}

interface DiagonalOptions {
  /** 0 (default) is the main diagonal, 1 the one above it. */
  readonly offset?: number;
  /** The axis of rows. Default 0. */
  readonly dim1?: number;
  /** The axis of columns. Default 1. */
  readonly dim2?: number;
}

/**
 * A diagonal of the matrices that axes `dim1` and `dim2` span, as the last axis of the result. Errors: ShapeError for
 * equal axes. Shape: [..., M, N] → [..., k] for the last two axes.
 */
export function diagonal(x: Tensor, { offset = 0, dim1 = 0, dim2 = 1 }: DiagonalOptions = {}): Tensor {
  if (!Number.isInteger(offset)) throw new ArgumentError("diagonal", `offset must be an integer, got ${offset}`);
  const [a, b] = [dim1, dim2].map((d) => normalizeAxis("diagonal", d, x.shape.length));
  if (a === b) throw new ShapeError("diagonal", `dim1 and dim2 must be two axes, got ${a} twice (${formatShape(x.shape)})`);
  const others = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const [rows, columns] = [x.shape[a], x.shape[b]];
  const [top, left] = [Math.max(0, -offset), Math.max(0, offset)];
  const count = Math.max(0, Math.min(rows - top, columns - left));
  const flat = reshape(permute(x, { perm: [...others, a, b] }), { shape: [...others.map((i) => x.shape[i]), rows * columns] });
  return indexSelect(flat, indexOf(Array.from({ length: count }, (_, i) => (top + i) * columns + left + i)), { dim: others.length });
}
