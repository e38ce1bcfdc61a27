import type { Run } from "./index.ts";
import { emitPhases, leastAhead, type PhaseCode, phaseTaps } from "./phaseFilter.ts";
import type { Epilogue, Room } from "./placement.ts";
import { type FilterBlocks, type PlaneMap, placeGroups, stripsFor } from "./planeGroups.ts";
import { emitStrips, type FilterCode, type Masked, waitingOf } from "./rollingFilter.ts";

/** Planes that one depthwise filter each turns into output planes. */
export interface Filtering extends PlaneMap, Pick<FilterCode, "stride" | "mirrored"> {
  /** Rows and columns by which the window of output (0, 0) begins before the input; negative where it begins inside. */
  readonly before: readonly [number, number];
}

/** The transpose of a depthwise filter of stride 2: planes of gradients become planes of gradients of its input. */
export interface Spreading extends PlaneMap {
  readonly stride: readonly [number, number];
  /** Rows and columns by which the window of gradient (0, 0) begins before the output. */
  readonly before: readonly [number, number];
}

const LARGEST_KERNEL = 7;
/** Columns outside a plane that may be read: their bytes exist, before the first plane and behind the last. */
const REACH = 12;

/** Whether a kernel is common: few are emitted. */
const isCommon = ({ kernel, stride }: Filtering | Spreading, dilation: readonly number[]): boolean =>
  [0, 1].every((d) => kernel[d] <= LARGEST_KERNEL && stride[d] <= 2 && (dilation[d] === 1 || kernel[d] === 1));

/** Whether a filtering runs without a table of taps: a whole vector per row, at least. */
export function isRolling(p: Filtering, dilation: readonly number[]): boolean {
  const after = (p.out[1] - 1) * p.stride[1] + p.kernel[1] - p.before[1] - p.size[1];
  return isCommon(p, dilation) && p.out[1] >= 4 && Math.max(p.before[1], after) <= REACH;
}

/** Sums that are kept at once at most. */
const SUMS = 12;

/** Masks per tap column and strip for outputs from column x on: all ones where a lane reads inside the input. */
function masksAt({ kernel: [, kw], stride: [, sx], mirrored, before, size }: Filtering, strips: number, x: number): Int32Array {
  return Int32Array.from({ length: 4 * strips * kw }, (_, i) => {
    const tap = Math.floor(i / (4 * strips));
    const column = (x + (i % (4 * strips))) * sx + (mirrored ? kw - 1 - tap : tap) - before[1];
    return column >= 0 && column < size[1] ? -1 : 0;
  });
}

/** A run that filters all planes of a batch. */
export function placeFiltering(room: Room, p: Filtering, blocks: FilterBlocks, epilogue: Epilogue): Run {
  const { kernel, stride, mirrored, before, out } = p;
  const strips = stripsFor(out[1], 4, Math.floor(SUMS / waitingOf(p)));
  const code: FilterCode = { kernel, stride, mirrored, strips };
  const groups = {
    ...{ key: `depthwise ${kernel} ${stride} ${mirrored} ${strips}`, strips, width: 4 * strips, top: before[0] },
    emit: (name: string, masked: Masked) => emitStrips(name, code, masked),
    inputColumn: (x: number) => x * stride[1] - before[1],
    masks: (x: number) => masksAt(p, strips, x),
  };
  return placeGroups(room, p, groups, blocks, epilogue);
}

/** Whether a spreading runs by phases: stride 2, an even number of columns, a whole group at least. */
export function isPhased(p: Spreading, dilation: readonly number[]): boolean {
  const columns = p.out[1];
  const past = columns / 2 + (p.before[1] >> 1) + 1 - p.size[1];
  const even = p.stride[0] === 2 && p.stride[1] === 2 && columns % 2 === 0 && columns >= 8;
  return isCommon(p, dilation) && even && Math.max(p.kernel[1], past) <= REACH;
}

/** Strips of a spreading at most: two vectors of sums each. */
const PHASE_STRIPS = 2;

/** A run that spreads all planes of a batch. */
export function placeSpreading(room: Room, p: Spreading, blocks: FilterBlocks, epilogue: Epilogue): Run {
  const { kernel, before, size, out } = p;
  const strips = stripsFor(out[1], 8, PHASE_STRIPS);
  const code: PhaseCode = { kernel, parity: [before[0] & 1, before[1] & 1], strips };
  const taps = phaseTaps(code, 1);
  const reads = 1 + Math.max(...taps.map(({ ahead }) => ahead)) - leastAhead(taps);
  const inputColumn = (x: number) => x / 2 + (before[1] >> 1) + leastAhead(taps);
  const masks = (x: number) =>
    Int32Array.from({ length: 4 * strips * reads }, (_, i) => {
      const column = inputColumn(x) + Math.floor(i / (4 * strips)) + (i % (4 * strips));
      return column >= 0 && column < size[1] ? -1 : 0;
    });
  const groups = {
    ...{ key: `depthwise phases ${kernel} ${code.parity} ${strips}`, strips, width: 8 * strips, top: before[0] >> 1 },
    ...{ inputColumn, masks },
    emit: (name: string, masked: Masked) => emitPhases(name, code, masked),
  };
  return placeGroups(room, p, groups, blocks, epilogue);
}
