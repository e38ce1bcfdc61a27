import { ShapeError } from "../../errors.ts";
import { requireFloat, requireRank } from "../require.ts";
import { formatShape } from "../shape.ts";
import { allocate, type Meta, Tensor } from "../tensor.ts";
import { type Pair, type PairOption, toPair } from "../window.ts";
import { avgPool2d } from "./avgPool2d.ts";
import { indexSelect } from "./gather.ts";
import { matmul } from "./matmul.ts";
import { maxPool2d } from "./maxPool2d.ts";
import { permute } from "./permute.ts";

/** [oh, ow], or one number for both. */
interface AdaptiveOptions {
  readonly output: PairOption;
}

function sizes(op: string, x: Meta, output: PairOption): { input: Pair; output: Pair } {
  requireFloat(op, "x", x);
  requireRank(op, "x", x, 4);
  const input: Pair = [x.shape[2], x.shape[3]];
  if (input.includes(0)) throw new ShapeError(op, `x must have at least one pixel, got ${formatShape(x.shape)}`);
  return { input, output: toPair(op, "output", output) };
}

/** Window i of n over an axis of length `size`: [floor(i size / n), ceil((i + 1) size / n)). */
const windowOf = (i: number, n: number, size: number): Pair => [Math.floor((i * size) / n), Math.ceil(((i + 1) * size) / n)];

/** Windows all of one length, side by side, where the output divides the input. */
function evenWindows(input: Pair, output: Pair): { kernel: Pair } | undefined {
  if (input[0] % output[0] !== 0 || input[1] % output[1] !== 0) return undefined;
  return { kernel: [input[0] / output[0], input[1] / output[1]] };
}

/** The matrix [n, size] whose product with a column of `size` values is the means of its n windows. */
function means(n: number, size: number, dtype: Tensor["dtype"]): Tensor {
  const data = allocate(dtype, n * size);
  for (let i = 0; i < n; i++) {
    const [start, end] = windowOf(i, n, size);
    data.fill(1 / (end - start), i * size + start, i * size + end);
  }
  return new Tensor([n, size], dtype, data);
}

/**
 * Means over oh x ow windows that cover x [N, C, H, W] evenly → [N, C, oh, ow]. Window i of an axis runs from
 * floor(i H / oh) to ceil((i + 1) H / oh), so that windows may overlap. Rows are averaged first, then columns. Errors:
 * DTypeError for integers, ShapeError unless x has rank 4 and a pixel.
 */
export function adaptiveAvgPool2d(x: Tensor, options: AdaptiveOptions): Tensor {
  const { input, output } = sizes("adaptiveAvgPool2d", x, options.output);
  const even = evenWindows(input, output);
  if (even) return avgPool2d(x, even);
  const rows = matmul(means(output[0], input[0], x.dtype), x);
  return matmul(rows, permute(means(output[1], input[1], x.dtype), { perm: [1, 0] }));
}

/** The positions of all windows one after the other, each as long as the longest: a shorter one repeats its last position. */
function positions(n: number, size: number): { index: Tensor; longest: number } {
  const windows = Array.from({ length: n }, (_, i) => windowOf(i, n, size));
  const longest = Math.max(...windows.map(([start, end]) => end - start));
  const index = windows.flatMap(([start, end]) => Array.from({ length: longest }, (_, k) => Math.min(start + k, end - 1)));
  return { index: new Tensor([index.length], "i32", Int32Array.from(index)), longest };
}

/**
 * As `adaptiveAvgPool2d`, with the maximum of every window; the gradient goes to the first one. Shape: [N, C, H, W] →
 * [N, C, oh, ow]. Errors: as there.
 */
export function adaptiveMaxPool2d(x: Tensor, options: AdaptiveOptions): Tensor {
  const { input, output } = sizes("adaptiveMaxPool2d", x, options.output);
  const even = evenWindows(input, output);
  if (even) return maxPool2d(x, even);
  const [rows, columns] = [positions(output[0], input[0]), positions(output[1], input[1])];
  const laid = indexSelect(indexSelect(x, rows.index, { dim: 2 }), columns.index, { dim: 3 });
  return maxPool2d(laid, { kernel: [rows.longest, columns.longest] });
}
