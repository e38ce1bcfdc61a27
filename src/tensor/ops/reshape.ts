import { ArgumentError, ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { formatShape, normalizeAxis, sizeOf } from "../shape.ts";
import type { Meta, Tensor } from "../tensor.ts";

interface ReshapeAttrs {
  readonly shape: readonly number[];
}

/** Fills the one -1 of a target shape in. */
function resolve(x: Meta, shape: readonly number[]): readonly number[] {
  const free = shape.indexOf(-1);
  if (free < 0) return shape;
  const rest = sizeOf(shape.filter((_, i) => i !== free));
  const size = sizeOf(x.shape);
  if (shape.indexOf(-1, free + 1) >= 0 || rest === 0 || size % rest !== 0) {
    throw new ShapeError(
      "reshape",
      `shape must have at most one -1 and divide ${size} elements, got ${formatShape(shape)} for ${formatShape(x.shape)}`,
    );
  }
  return shape.map((d, i) => (i === free ? size / rest : d));
}

/**
 * The same elements in row-major order under another shape of equal size; one dimension may be -1. Any dtype. Errors:
 * ShapeError where the sizes differ.
 */
export const reshape: Op<ReshapeAttrs, (x: Tensor, options: ReshapeAttrs) => Tensor> = defineOp(
  {
    name: "reshape",
    infer([x], { shape }) {
      if (sizeOf(shape) !== sizeOf(x.shape) || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
        throw new ShapeError(
          "reshape",
          `shape must hold ${sizeOf(x.shape)} elements, got ${formatShape(shape)} for ${formatShape(x.shape)}`,
        );
      }
      return [{ shape, dtype: x.dtype }];
    },
    reference([x], _, [y]) {
      y.data.set(x.data);
    },
    view: true,
    vjp: ([g], { inputs: [x] }) => [g && reshape(g, { shape: x.shape })],
    sample(draw) {
      const shape = drawShape(draw, 1, 3);
      return { inputs: [drawTensor(draw, shape)], attrs: { shape: draw.bool() ? [sizeOf(shape)] : [...shape].reverse() } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3])], attrs: { shape: [5] } }),
  },
  (run) =>
    (x: Tensor, { shape }: ReshapeAttrs) =>
      run([x], { shape: resolve(x, shape) })[0],
);

/**
 * Merges the axes from `start` to `end`, both included, into one; by default all of them. Shape: [a, b, ...] → [a · b ·
 * ...]. Errors: ArgumentError where start lies behind end.
 */
export function flatten(x: Tensor, { start = 0, end = -1 }: { start?: number; end?: number } = {}): Tensor {
  if (x.shape.length === 0) return reshape(x, { shape: [1] });
  const a = normalizeAxis("flatten", start, x.shape.length);
  const b = normalizeAxis("flatten", end, x.shape.length);
  if (a > b) throw new ArgumentError("flatten", `start must not lie behind end, got ${start} and ${end}`);
  return reshape(x, { shape: [...x.shape.slice(0, a), sizeOf(x.shape.slice(a, b + 1)), ...x.shape.slice(b + 1)] });
}

/**
 * Drops the axes `dim`, each of size 1; by default every axis of size 1. Shape: [a, 1, b] → [a, b]. Errors: ShapeError
 * for an axis of another size.
 */
export function squeeze(x: Tensor, { dim }: { dim?: number | readonly number[] } = {}): Tensor {
  const axes = dim === undefined ? undefined : [dim].flat().map((d) => normalizeAxis("squeeze", d, x.shape.length));
  for (const d of axes ?? []) {
    if (x.shape[d] !== 1) throw new ShapeError("squeeze", `axis ${d} must have size 1, got ${formatShape(x.shape)}`);
  }
  return reshape(x, { shape: x.shape.filter((size, i) => (axes ? !axes.includes(i) : size !== 1)) });
}

/**
 * Inserts an axis of size 1 so that it becomes axis `dim` of the result. Shape: [a, b] → [a, 1, b] for `dim` 1. Errors:
 * ShapeError for a `dim` out of range.
 */
export function unsqueeze(x: Tensor, { dim }: { dim: number }): Tensor {
  const at = normalizeAxis("unsqueeze", dim, x.shape.length + 1);
  return reshape(x, { shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] });
}
