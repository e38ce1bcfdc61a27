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
import type { Epilogue, Room } from "./placement.ts";
import type { Masked } from "./rollingFilter.ts";

/** A map of planes to planes, a small kernel of weights each; sizes in pixels. */
export interface PlaneMap {
  readonly size: readonly [number, number];
  readonly out: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly batch: number;
  readonly channels: number;
  /** Output planes per input plane. */
  readonly multiplier: number;
  /** Whether rows are counted from the bottom, of input and output. */
  readonly upwards: boolean;
}

/** How the columns of a map are filtered: a group of strips at a time, from the first row to the last. */
export interface Groups {
  /** Stands for the code that is emitted. */
  readonly key: string;
  readonly strips: number;
  /** Output columns of a group. */
  readonly width: number;
  /** Passed to the code as its `top`. */
  readonly top: number;
  /** The function (input, rowStep, rows, top, weights, start, output, outputStep, count, masks) that filters a group. */
  emit(name: string, masked: Masked): FunctionBuilder;
  /** The input column that a group reads first, seen from its output column x. */
  inputColumn(x: number): number;
  /** Masks of a group at output column x, by what is read, then strip and lane: all ones where it lies inside the input. */
  masks(x: number): Int32Array;
}

/** Addresses of what a map reads and writes: `start` is a value per output channel. */
export interface FilterBlocks {
  readonly input: number;
  readonly weights: number;
  readonly start: number;
  readonly output: number;
}

/** Pieces of work to share out, where there are as many planes. */
const PIECES = 16;

const MASKED: readonly Masked[] = ["none", "first", "last", "all"];

/** The entry `planes` of a module, see `emitPlanes`. */
const planesOf = (arena: Arena, { key, emit }: Groups): Entry =>
  instantiate(key, () => [...MASKED.map((masked) => emit(masked, masked)), emitPlanes()], arena).planes;

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

/** How many strips of `width` columns go together, at most `most`, so that groups of them cover the columns soonest. */
export function stripsFor(columns: number, width: number, most: number): number {
  const fit = Math.max(1, Math.min(most, STRIP_COST.length, Math.floor(columns / width)));
  const costs = STRIP_COST.slice(0, fit).map((cost, i) => Math.ceil(columns / (width * (i + 1))) * (i + 1) * cost);
  return 1 + costs.indexOf(Math.min(...costs));
}

/** Which strips the masks of a group cut. */
function maskedBy(masks: Int32Array, strips: number): Masked {
  const cut = Array.from({ length: strips }, (_, s) => masks.some((m, i) => m === 0 && (i >> 2) % strips === s));
  if (!cut.includes(true)) return "none";
  if (!cut.slice(1).includes(true)) return "first";
  return cut.slice(0, -1).includes(true) ? "all" : "last";
}

/**
 * The table of groups that cover an output: how many there are of each kind of `MASKED`; then for each the byte offsets of its
 * input and output column and the address of its masks. The last group overlaps the one before it rather than reach behind
 * the row.
 */
function writeGroups(room: Room, columns: number, { strips, width, inputColumn, masks }: Groups): number {
  const groups = Array.from({ length: Math.ceil(columns / width) }, (_, i) => {
    const x = Math.min(width * i, columns - width);
    const cut = masks(x);
    return { x, cut, masked: maskedBy(cut, strips) };
  });
  const table = room.table(4 * MASKED.length + 12 * groups.length);
  const entries = MASKED.map((kind) => groups.filter(({ masked }) => masked === kind).length);
  for (const { x, cut } of MASKED.flatMap((kind) => groups.filter(({ masked }) => masked === kind))) {
    const address = cut.includes(0) ? room.table(4 * cut.length) : 0;
    if (address > 0) room.arena.i32.set(cut, address >> 2);
    entries.push(4 * inputColumn(x), 4 * x, address);
  }
  room.arena.i32.set(entries, table >> 2);
  return table;
}

/** A run that maps all planes of a batch. */
export function placeGroups(room: Room, p: PlaneMap, code: Groups, blocks: FilterBlocks, epilogue: Epilogue): Run {
  const { input, weights, start, output } = blocks;
  const entry = planesOf(room.arena, code);
  const groups = writeGroups(room, p.out[1], code);
  const [rows, columns] = p.out;
  const area = 4 * p.kernel[0] * p.kernel[1];
  const plane = 4 * p.size[0] * p.size[1];
  const target = 4 * rows * columns;
  const way = p.upwards ? -1 : 1;
  const firstRow = p.upwards ? plane - 4 * p.size[1] : 0;
  const firstTarget = p.upwards ? target - 4 * columns : 0;
  const outputs = p.channels * p.multiplier;
  /** Maps `count` output planes from number `c` of an image on; they share an input plane where the multiplier is above 1. */
  const step = (image: number, c: number, count: number): Step => ({
    entry,
    args: [
      ...[input + plane * (image * p.channels + Math.floor(c / p.multiplier)) + firstRow, p.multiplier === 1 ? plane : 0],
      ...[weights + area * c, area, start + 4 * c, output + target * (image * outputs + c) + firstTarget, target, count],
      ...[way * 4 * p.size[1], p.size[0], code.top, way * 4 * columns, rows, groups],
    ],
  });
  const piece = p.multiplier > 1 ? p.multiplier : Math.ceil(outputs / Math.ceil(PIECES / p.batch));
  const tasks: Task[] = [];
  for (let n = 0; n < p.batch; n++) {
    for (let c = 0; c < outputs; c += piece) {
      const planes = Math.min(piece, outputs - c);
      const count = planes * rows * columns;
      tasks.push([step(n, c, planes), ...epilogue({ first: (n * outputs + c) * rows * columns, count, rows: 1, pitch: count })]);
    }
  }
  return placeTasks(room.arena, tasks, (p.batch * outputs * rows * columns * area) / 4);
}
