import { add, clamp, concat, exp, mul, slice, sub, type Tensor, tensor } from "../../tensor/index.ts";
import type { Box } from "../detector.ts";

/** Numbers as a tensor of the float type of `like`. */
export const numbersLike = (like: Tensor, values: ArrayLike<number>, shape: readonly number[]): Tensor =>
  tensor(Float64Array.from(values), shape, like.dtype);

/** The first and the last two of four channels: [N, 4, P] → two of [N, 2, P]. */
export const pairs = (x: Tensor): [Tensor, Tensor] => [slice(x, { dim: 1, start: 0, end: 2 }), slice(x, { dim: 1, start: 2, end: 4 })];

/** x1, y1, x2, y2 [N, 4, P] of boxes given by their centres and sizes, both [N, 2, P] as x, y. */
export function boxesAround(centre: Tensor, size: Tensor): Tensor {
  const half = mul(size, 0.5);
  return concat([sub(centre, half), add(centre, half)], { dim: 1 });
}

/** e^88 is a finite float32, three times as much is not. */
const MOST = 88;

/**
 * Sizes from their logarithms. The bound keeps the derivative finite, so that a box nobody looks at cannot make NaN of a
 * gradient; in pixels such a box overflows all the same.
 */
export const sizesOf = (logs: Tensor): Tensor => exp(clamp(logs, { max: MOST }));

/** The box of one position of boxes [N, 4, P]. */
export function boxAt(boxes: Tensor, image: number, position: number): Box {
  const positions = boxes.shape[2];
  const at = (corner: number): number => boxes.data[(4 * image + corner) * positions + position];
  return [at(0), at(1), at(2), at(3)];
}
