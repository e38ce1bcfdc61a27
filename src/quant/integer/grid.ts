import { roundHalfEven, type Tensor } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";

/**
 * The codes of one activation tensor in memory: one byte each, real value (code - zero point) * scale.
 * Scales and zero points have one entry, or one per channel (axis 1).
 */
export interface Grid {
  readonly scale: Float32Array;
  readonly zeroPoint: Int32Array;
  readonly qmin: number;
  readonly qmax: number;
  /** Two grids are the same where their keys are. */
  readonly key: string;
}

/** Whether the codes are stored as signed bytes. */
export const isSigned = (grid: Grid): boolean => grid.qmin < 0;

/** Whether every channel has a scale of its own. */
export const isPerChannel = (grid: Grid): boolean => grid.scale.length > 1;

function makeGrid(scale: Float32Array, zeroPoint: Int32Array, qmin: number, qmax: number): Grid {
  return { scale, zeroPoint, qmin, qmax, key: `${qmin}:${qmax}:${scale.join()}:${zeroPoint.join()}` };
}

/** The grid of an activation site, or undefined where codes or zero point do not fit a byte, or channels do not lie on axis 1. */
export function gridOf({ params, scheme }: SitePlan): Grid | undefined {
  const { qmin, qmax, axis } = scheme;
  const zeroPoint = Int32Array.from(params.zeroPoint.data, roundHalfEven);
  const [low, high] = qmin < 0 ? [-128, 127] : [0, 255];
  const fits = qmin >= low && qmax <= high && zeroPoint.every((z) => z >= low && z <= high);
  if (!fits || (axis !== null && axis !== 1)) return undefined;
  return makeGrid(Float32Array.from(params.scale.data), zeroPoint, qmin, qmax);
}

/** The grid of channels [start, start + count) of a tensor that has this grid. */
export function gridSlice(grid: Grid, start: number, count: number): Grid {
  if (!isPerChannel(grid)) return grid;
  return makeGrid(grid.scale.slice(start, start + count), grid.zeroPoint.slice(start, start + count), grid.qmin, grid.qmax);
}

/** Entry of a per-tensor or per-channel list. */
export const entryOf = (list: ArrayLike<number>, channel: number): number => list[list.length === 1 ? 0 : channel];

/** The codes of a float tensor [N,C,…] on a grid: the plain loops every kernel here is held to. */
export function codesOf(x: Tensor, grid: Grid): Uint8Array | Int8Array {
  const codes = isSigned(grid) ? new Int8Array(x.size) : new Uint8Array(x.size);
  const channels = grid.scale.length;
  const inner = isPerChannel(grid) ? x.shape.slice(2).reduce((a, d) => a * d, 1) : 1;
  for (let i = 0; i < codes.length; i++) {
    const c = channels === 1 ? 0 : Math.floor(i / inner) % channels;
    const code = roundHalfEven(Math.fround(x.data[i] / grid.scale[c])) + grid.zeroPoint[c];
    codes[i] = Math.min(Math.max(code, grid.qmin), grid.qmax);
  }
  return codes;
}
