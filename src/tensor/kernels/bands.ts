import type { Arena, Step } from "../../wasm/index.ts";
import { cuts, PIECE_COLUMNS, roundUp } from "./gemm.ts";
import { type Argument, behind, perThread, type Room } from "./placement.ts";
import { columnOffset, isPlain, type Layout, padStep, zeroStep } from "./plane.ts";

/** Planes of images whose rows are read in bands. */
export interface Source {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The whole planes, padded and dealt. */
  readonly layout: Layout;
}

/** The planes of one band, laid out by every thread in scratch of its own, or where they are if nothing is to be done. */
export interface Bands {
  /** Layout of a band. */
  readonly layout: Layout;
  /** Steps that lay out `channels` planes at `source` from row `first` of the padded planes on, and where they lie then. */
  stage(source: number, first: number): { readonly steps: readonly Step[]; readonly at: Argument };
}

/** Steps that lay out `channels` planes at `source` as `to`, from row `first` of the padded planes on, at `at`, in zeros. */
export const laySteps = (arena: Arena, source: Source, to: Layout, address: number, first: number, at: Argument): Step[] => [
  zeroStep(arena, at, 4 * source.channels * to.size),
  ...insideSteps(arena, source, to, address, first, at),
];

/** As `laySteps`, the border left as it is. */
export function insideSteps(
  arena: Arena,
  source: Omit<Source, "layout">,
  to: Layout,
  address: number,
  first: number,
  at: Argument,
): Step[] {
  const { channels, height, width } = source;
  const { top, left, row, deal } = to;
  const from = Math.max(first, top);
  const count = Math.min(first + to.height, top + height) - from;
  const steps: Step[] = [];
  for (let remainder = 0; remainder < deal && count > 0; remainder++) {
    const target = { at: behind(at, 4 * ((from - first) * row + columnOffset(to, left + remainder))), row: 4 * row, plane: 4 * to.size };
    const origin = { at: address + 4 * ((from - top) * width + remainder), row: 4 * width, plane: 4 * height * width };
    steps.push(padStep(arena, target, origin, channels, count, Math.ceil((width - remainder) / deal), deal));
  }
  return steps;
}

/** Bands of `rows` rows. */
export function bandsOf(room: Room, source: Source, rows: number): Bands {
  const { channels, layout: whole } = source;
  if (isPlain(whole, source.height, source.width))
    return { layout: whole, stage: (address, first) => ({ steps: [], at: address + 4 * first * whole.row }) };
  const layout = { ...whole, height: rows, size: rows * whole.row };
  const at = perThread(room, 4 * channels * layout.size);
  return { layout, stage: (address, first) => ({ steps: laySteps(room.arena, source, layout, address, first, at), at }) };
}

/** Rows of a band, [first, count] each: at least `pieces` bands where there are as many rows, whole vectors where that is cheap. */
export function bandRows(rows: number, columns: number, pieces: number): [number, number][] {
  const bands = Math.max(pieces, Math.ceil((rows * columns) / PIECE_COLUMNS));
  const unit = [1, 2, 4, 8].find((n) => (n * columns) % 8 === 0)!;
  return cuts(rows, Math.min(rows, roundUp(Math.ceil(rows / bands), unit)));
}
