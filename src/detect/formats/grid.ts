/** Cells of several levels, row by row, levels in the order of the strides. */
export interface Grid {
  /** Column and row of every cell in its level. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Size of every cell in pixels. */
  readonly stride: Float64Array;
}

/** How many whole cells of each stride an input has. */
export const cellCounts = (input: { readonly width: number; readonly height: number }, strides: readonly number[]): number[] =>
  strides.map((s) => Math.floor(input.width / s) * Math.floor(input.height / s));

/** The whole cells of each stride in an input. */
export function gridOf(input: { readonly width: number; readonly height: number }, strides: readonly number[]): Grid {
  const counts = cellCounts(input, strides);
  const size = counts.reduce((a, b) => a + b, 0);
  const grid = { x: new Float64Array(size), y: new Float64Array(size), stride: new Float64Array(size) };
  let at = 0;
  strides.forEach((s, level) => {
    const columns = Math.floor(input.width / s);
    for (let i = 0; i < counts[level]; i++, at++) {
      grid.x[at] = i % columns;
      grid.y[at] = Math.floor(i / columns);
      grid.stride[at] = s;
    }
  });
  return grid;
}
