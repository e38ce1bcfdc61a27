import { add, mul, sub } from "./ops/binary.ts";
import { cast } from "./ops/cast.ts";
import { clamp } from "./ops/clamp.ts";
import { greater, greaterEqual, less, lessEqual } from "./ops/compare.ts";
import { concat } from "./ops/concat.ts";
import { expand } from "./ops/expand.ts";
import { gather, scatterAdd } from "./ops/gather.ts";
import type { GridSampleAttrs } from "./ops/gridSample.ts";
import { sum } from "./ops/reduce.ts";
import { reshape } from "./ops/reshape.ts";
import { slice } from "./ops/slice.ts";
import { abs, floor, round, sign } from "./ops/unary.ts";
import { where } from "./ops/where.ts";
import { type Tensor, zeros } from "./tensor.ts";

/** The gradients of gridSample in ops, so that they can be differentiated again; P = oh · ow positions. */

/** One axis of all positions, each [N, P]. */
interface Axis {
  readonly size: number;
  /** The lower of the two pixels read, a whole number. */
  readonly low: Tensor;
  /** The share of the upper one; 0 for mode "nearest". */
  readonly share: Tensor;
  /** Derivative of the pixel coordinate in the grid value. */
  readonly slope: Tensor;
}

/** The mirrored coordinate, and the sign of its derivative; see `reflect` of gridSample. */
function mirrored(at: Tensor, low: number, high: number): { at: Tensor; direction: Tensor } {
  const span = high - low;
  if (span === 0) return { at: mul(at, 0), direction: mul(at, 0) };
  const from = sub(at, low);
  const turns = floor(mul(abs(from), 1 / span));
  const rest = sub(abs(from), mul(turns, span));
  const odd = sub(turns, mul(floor(mul(turns, 0.5)), 2));
  const back = greater(odd, 0.5);
  return { at: where(back, sub(high, rest), add(rest, low)), direction: mul(sign(from), sub(1, mul(odd, 2))) };
}

function axisOf(grid: Tensor, component: 0 | 1, size: number, { mode, paddingMode, alignCorners }: GridSampleAttrs): Axis {
  const [n, oh, ow] = grid.shape;
  const value = reshape(slice(grid, { dim: 3, start: component, end: component + 1 }), { shape: [n, oh * ow] });
  const scale = alignCorners ? (size - 1) / 2 : size / 2;
  let at = add(mul(value, scale), (size - 1) / 2);
  let slope = add(mul(floor(at), 0), scale);
  if (paddingMode === "reflection") {
    const folded = alignCorners ? mirrored(at, 0, size - 1) : mirrored(at, -0.5, size - 0.5);
    at = folded.at;
    slope = mul(slope, folded.direction);
  }
  if (paddingMode !== "zeros") {
    slope = where(mul(greater(at, 0), less(at, size - 1)), slope, 0);
    at = clamp(at, { min: 0, max: size - 1 });
  }
  if (mode === "nearest") return { size, low: round(at), share: mul(floor(at), 0), slope: mul(slope, 0) };
  const low = floor(at);
  return { size, low, share: sub(at, low), slope };
}

/** The pixels that all positions read at one corner of their cells, and what tells those outside the picture. */
interface Corner {
  /** Offsets row · W + column, i32 [N, C, P]. */
  readonly index: Tensor;
  /** u8 [N, 1, P]. */
  readonly inside: Tensor;
}

function cornerAt(across: Axis, down: Axis, right: number, below: number, channels: number): Corner {
  const [n, count] = across.low.shape;
  const [column, row] = [add(across.low, right), add(down.low, below)];
  const within = (at: Tensor, size: number): Tensor => mul(greaterEqual(at, 0), lessEqual(at, size - 1));
  const hold = (at: Tensor, size: number): Tensor => cast(clamp(at, { min: 0, max: size - 1 }), "i32");
  const index = add(mul(hold(row, down.size), across.size), hold(column, across.size));
  return {
    index: expand(reshape(index, { shape: [n, 1, count] }), { shape: [n, channels, count] }),
    inside: reshape(mul(within(column, across.size), within(row, down.size)), { shape: [n, 1, count] }),
  };
}

/** Cotangents of x and grid from g [N, C, oh, ow]. */
export function gridSampleGradients(
  g: Tensor,
  x: Tensor,
  grid: Tensor,
  attrs: GridSampleAttrs,
  wants: readonly boolean[],
): (Tensor | undefined)[] {
  const [n, c, h, w] = x.shape;
  const count = grid.shape[1] * grid.shape[2];
  const [across, down] = [axisOf(grid, 0, w, attrs), axisOf(grid, 1, h, attrs)];
  const wide = reshape(g, { shape: [n, c, count] });
  const planes = reshape(x, { shape: [n, c, h * w] });
  const part = (axis: Axis, upper: number): Tensor => (upper === 1 ? axis.share : sub(1, axis.share));
  let forX = zeros(planes.shape, x.dtype);
  let [forColumn, forRow] = [zeros([n, count], x.dtype), zeros([n, count], x.dtype)];
  for (const [right, below] of attrs.mode === "nearest" ? [[0, 0]] : CORNERS) {
    const { index, inside } = cornerAt(across, down, right, below, c);
    const [u, v] = [part(across, right), part(down, below)];
    if (wants[0]) {
      const share = reshape(mul(u, v), { shape: [n, 1, count] });
      forX = scatterAdd(forX, index, where(inside, mul(wide, share), 0), { dim: 2 });
    }
    if (wants[1]) {
      const pull = sum(where(inside, mul(wide, gather(planes, index, { dim: 2 })), 0), { dim: 1 });
      forColumn = add(forColumn, mul(mul(pull, v), 2 * right - 1));
      forRow = add(forRow, mul(mul(pull, u), 2 * below - 1));
    }
  }
  const last = (along: Tensor, axis: Axis): Tensor => reshape(mul(along, axis.slope), { shape: [...grid.shape.slice(0, 3), 1] });
  return [
    wants[0] ? reshape(forX, { shape: x.shape }) : undefined,
    wants[1] ? concat([last(forColumn, across), last(forRow, down)], { dim: 3 }) : undefined,
  ];
}

/** Right and below, 0 or 1 each. */
const CORNERS: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
];
