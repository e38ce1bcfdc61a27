import { add, mul, permute, type Tensor } from "../../tensor/index.ts";
import { boxesAround, numbersLike, pairs, sizesOf } from "./boxes.ts";

/** Cells of several levels, row by row, levels in the order of the strides. */
export interface Grid {
  /** [2, cells]: the column of every cell in its level, then the rows. */
  readonly cells: Float64Array;
  /** Size of every cell in pixels. */
  readonly stride: Float64Array;
}

/** How many whole cells of each stride an input has. */
export const cellCounts = (input: { readonly width: number; readonly height: number }, strides: readonly number[]): number[] =>
  strides.map((s) => Math.floor(input.width / s) * Math.floor(input.height / s));

/** Rows and columns of a level of each stride. */
export const levelSizes = (input: { readonly width: number; readonly height: number }, strides: readonly number[]): [number, number][] =>
  strides.map((s) => [Math.floor(input.height / s), Math.floor(input.width / s)]);

/** Rows and columns of a map. Shape: [N, C, h, w]. */
export const mapSize = ({ shape: [, , rows, columns] }: Tensor): [number, number] => [rows, columns];

/** The whole cells of each stride in an input. */
export function gridOf(input: { readonly width: number; readonly height: number }, strides: readonly number[]): Grid {
  const counts = cellCounts(input, strides);
  const size = counts.reduce((a, b) => a + b, 0);
  const grid = { cells: new Float64Array(2 * size), stride: new Float64Array(size) };
  let at = 0;
  strides.forEach((s, level) => {
    const columns = Math.floor(input.width / s);
    for (let i = 0; i < counts[level]; i++, at++) {
      grid.cells[at] = i % columns;
      grid.cells[size + at] = Math.floor(i / columns);
      grid.stride[at] = s;
    }
  });
  return grid;
}

/**
 * Boxes [N, 4, cells] in pixels of raw x, y, w, h [N, cells, 4]: centre = (xy + cell) * stride, size = exp(wh) * stride.
 * Source: the decoding of YOLOX, which YuNet shares.
 */
export function gridBoxes(raw: Tensor, { cells, stride }: Grid): Tensor {
  const [shift, logs] = pairs(permute(raw, { perm: [0, 2, 1] }));
  const pixels = numbersLike(raw, stride, [stride.length]);
  const centre = mul(add(shift, numbersLike(raw, cells, [2, stride.length])), pixels);
  return boxesAround(centre, mul(sizesOf(logs), pixels));
}
