import {
  type Arena,
  type Entry,
  FunctionBuilder,
  f32,
  i32,
  instantiate,
  load,
  op,
  placeTasks,
  type Step,
  type Task,
} from "../../wasm/index.ts";
import type { Run } from "./index.ts";
import type { Room } from "./placement.ts";
import { emitStrips, type FilterCode, type Masked, waitingOf } from "./rollingFilter.ts";

/** Planes that one depthwise filter each turns into output planes; sizes in pixels. */
export interface Filtering extends Omit<FilterCode, "strips"> {
  readonly size: readonly [number, number];
  readonly out: readonly [number, number];
  /** Rows and columns by which the window of output (0, 0) begins before the input; negative where it begins inside. */
  readonly before: readonly [number, number];
  /** Whether rows are counted from the bottom, of input and output. */
  readonly upwards: boolean;
  readonly batch: number;
  readonly channels: number;
  /** Output planes per input plane. */
  readonly multiplier: number;
}

/** Addresses of what a filtering reads and writes: `start` is a value per output channel. */
export interface FilterBlocks {
  readonly input: number;
  readonly weights: number;
  readonly start: number;
  readonly output: number;
}

const LARGEST_KERNEL = 7;
/** Columns outside a plane that may be read: their bytes exist, before the first plane and behind the last. */
const REACH = 12;
/** Pieces of work to share out, where there are as many planes. */
const PIECES = 16;

/** Whether a filtering runs without a table of taps: common kernels, so that few are emitted, and a whole vector per row. */
export function isRolling({ kernel, stride, size, out, before }: Filtering, dilation: readonly number[]): boolean {
  const common = [0, 1].every((d) => kernel[d] <= LARGEST_KERNEL && stride[d] <= 2 && (dilation[d] === 1 || kernel[d] === 1));
  const after = (out[1] - 1) * stride[1] + kernel[1] - before[1] - size[1];
  return common && out[1] >= 4 && Math.max(before[1], after) <= REACH;
}

const MASKED: readonly Masked[] = ["none", "first", "last", "all"];

/** The entry `planes` of a filter's module, see `emitPlanes`. */
function planesOf(arena: Arena, { kernel, stride, mirrored, strips }: FilterCode): Entry {
  const code: FilterCode = { kernel, stride, mirrored, strips };
  const emit = () => [...MASKED.map((masked) => emitStrips(masked, code, masked)), emitPlanes()];
  return instantiate(`depthwise ${kernel} ${stride} ${mirrored} ${strips}`, emit, arena).planes;
}

/**
 * planes(input, inputStep, weights, area, start, output, outputStep, count, rowStep, rows, top, outputRow, outputRows, groups):
 * filters `count` planes, steps and the area of a kernel in bytes; `groups` is the table that `writeGroups` makes.
 */
function emitPlanes(): FunctionBuilder {
  const f = new FunctionBuilder(
    "planes",
    Array.from({ length: 14 }, () => "i32" as const),
  );
  const [input, inputStep, weights, area, start, output, outputStep, count, rowStep, rows, top, outputRow, outputRows, groups] = f.pointers;
  const [plane, group, at] = f.locals("i32", 3);
  const value = f.local("f32");
  f.for(plane, count, 1, () => {
    // A sum that begins with 0 and takes a start of -0 is 0.
    f.set(value, op("f32.add", load("f32.load", start), f32(0)));
    f.set(at, op("i32.add", groups, i32(4 * MASKED.length)));
    MASKED.forEach((_, kind) => {
      f.for(group, load("i32.load", groups, 4 * kind), 1, () => {
        const from = op("i32.add", input, load("i32.load", at));
        const to = op("i32.add", output, load("i32.load", at, 4));
        f.call(kind, from, rowStep, rows, top, weights, value, to, outputRow, outputRows, load("i32.load", at, 8));
        f.bump(at, 12);
      });
    });
    f.bump(input, inputStep);
    f.bump(weights, area);
    f.bump(start, 4);
    f.bump(output, outputStep);
  });
  return f;
}

/** Relative time of a strip in a group of 1, 2, ... strips: more of them hide latency, until registers run out. */
const STRIP_COST = [1.5, 1.15, 1, 1.08];
/** Sums that are kept at once at most. */
const SUMS = 12;

/** How many strips go together, so that groups of them cover the columns soonest. */
function stripsOf(p: Filtering): number {
  const most = Math.min(STRIP_COST.length, Math.floor(p.out[1] / 4), Math.max(1, Math.floor(SUMS / waitingOf(p))));
  const costs = STRIP_COST.slice(0, most).map((cost, i) => Math.ceil(p.out[1] / (4 * (i + 1))) * (i + 1) * cost);
  return 1 + costs.indexOf(Math.min(...costs));
}

/** Masks per tap column and strip for outputs from column x on: all ones where a lane reads inside the input. */
function masksAt({ kernel: [, kw], stride: [, sx], mirrored, before, size }: Filtering, strips: number, x: number): Int32Array {
  return Int32Array.from({ length: 4 * strips * kw }, (_, i) => {
    const tap = Math.floor(i / (4 * strips));
    const column = (x + (i % (4 * strips))) * sx + (mirrored ? kw - 1 - tap : tap) - before[1];
    return column >= 0 && column < size[1] ? -1 : 0;
  });
}

/** Which strips the masks of a group cut. */
function maskedBy(masks: Int32Array, strips: number): Masked {
  const cut = Array.from({ length: strips }, (_, s) => masks.some((m, i) => m === 0 && (i >> 2) % strips === s));
  if (!cut.includes(true)) return "none";
  if (!cut.slice(1).includes(true)) return "first";
  return cut.slice(0, -1).includes(true) ? "all" : "last";
}

/**
 * The table of groups of strips that cover an output: how many there are of each kind of `MASKED`; then for each the byte
 * offsets of its input and output column and the address of its masks. The last group overlaps the one before it rather
 * than reach behind the row.
 */
function writeGroups(room: Room, p: Filtering, strips: number): number {
  const columns = p.out[1];
  const groups = Array.from({ length: Math.ceil(columns / (4 * strips)) }, (_, i) => {
    const x = Math.min(4 * strips * i, columns - 4 * strips);
    const masks = masksAt(p, strips, x);
    return { x, masks, masked: maskedBy(masks, strips) };
  });
  const table = room.table(4 * MASKED.length + 12 * groups.length);
  const entries = MASKED.map((kind) => groups.filter(({ masked }) => masked === kind).length);
  for (const { x, masks } of MASKED.flatMap((kind) => groups.filter(({ masked }) => masked === kind))) {
    const address = masks.includes(0) ? room.table(4 * masks.length) : 0;
    if (address > 0) room.arena.i32.set(masks, address >> 2);
    entries.push(4 * (x * p.stride[1] - p.before[1]), 4 * x, address);
  }
  room.arena.i32.set(entries, table >> 2);
  return table;
}

/** A run that filters all planes of a batch. */
export function placeFiltering(room: Room, p: Filtering, { input, weights, start, output }: FilterBlocks): Run {
  const strips = stripsOf(p);
  const entry = planesOf(room.arena, { ...p, strips });
  const groups = writeGroups(room, p, strips);
  const [rows, columns] = p.out;
  const area = 4 * p.kernel[0] * p.kernel[1];
  const plane = 4 * p.size[0] * p.size[1];
  const target = 4 * rows * columns;
  const way = p.upwards ? -1 : 1;
  const firstRow = p.upwards ? plane - 4 * p.size[1] : 0;
  const firstTarget = p.upwards ? target - 4 * columns : 0;
  const outputs = p.channels * p.multiplier;
  /** Filters `count` output planes from number `c` of an image on; they share an input plane where the multiplier is above 1. */
  const step = (image: number, c: number, count: number): Step => ({
    entry,
    args: [
      ...[input + plane * (image * p.channels + Math.floor(c / p.multiplier)) + firstRow, p.multiplier === 1 ? plane : 0],
      ...[weights + area * c, area, start + 4 * c, output + target * (image * outputs + c) + firstTarget, target, count],
      ...[way * 4 * p.size[1], p.size[0], p.before[0], way * 4 * columns, rows, groups],
    ],
  });
  const piece = p.multiplier > 1 ? p.multiplier : Math.ceil(outputs / Math.ceil(PIECES / p.batch));
  const tasks: Task[] = [];
  for (let n = 0; n < p.batch; n++) {
    for (let c = 0; c < outputs; c += piece) tasks.push([step(n, c, Math.min(piece, outputs - c))]);
  }
  return placeTasks(room.arena, tasks, (p.batch * outputs * rows * columns * area) / 4);
}
