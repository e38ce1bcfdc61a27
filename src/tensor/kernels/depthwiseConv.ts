import { type Arena, type Entry, FunctionBuilder, i32, instantiate, load, op, placeTasks, type Step, type Task } from "../../wasm/index.ts";
import type { Run } from "./index.ts";
import type { Room } from "./placement.ts";
import { emitStrips, type FilterCode } from "./rollingFilter.ts";

/** Planes that one depthwise filter each turns into output planes; sizes in pixels. */
export interface Filtering extends FilterCode {
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
/** Columns outside a plane that its first and last row may be read at. */
const REACH = 12;
/** Pieces of work to share out, where there are as many planes. */
const PIECES = 16;

/** Whether a filtering runs without a table of taps: common kernels, at least one whole vector per row. */
export function isRolling({ kernel, stride, size, out, before }: Filtering, dilation: readonly number[]): boolean {
  const common = [0, 1].every((d) => kernel[d]! <= LARGEST_KERNEL && stride[d]! <= 2 && (dilation[d] === 1 || kernel[d] === 1));
  const after = (out[1] - 1) * stride[1] + kernel[1] - before[1] - size[1];
  return common && out[1] >= 4 && Math.max(before[1], after) <= REACH;
}

/** The entry `planes` of a filter's module, see `emitPlanes`. */
function planesOf(arena: Arena, { kernel, stride, mirrored }: FilterCode): Entry {
  const code: FilterCode = { kernel, stride, mirrored };
  const strips = widthOf(code);
  return instantiate(
    `depthwise ${kernel} ${stride} ${mirrored}`,
    () => [emitStrips("wide", code, strips, false), emitStrips("single", code, 1, false), emitStrips("edge", code, 1, true), emitPlanes()],
    arena,
  ).planes!;
}

/** Strips filtered side by side: as many as leave registers for what is read. */
const widthOf = ({ kernel, stride }: FilterCode): number => (Math.ceil(kernel[0] / stride[0]) <= 5 ? 2 : 1);

/**
 * planes(input, inputStep, weights, area, start, output, outputStep, count, rowStep, rows, top, outputRow, outputRows, strips):
 * filters `count` planes, steps and the area of a kernel in bytes; `strips` is the table that `writeStrips` makes.
 */
function emitPlanes(): FunctionBuilder {
  const f = new FunctionBuilder(
    "planes",
    Array.from({ length: 14 }, () => "i32" as const),
  );
  const [input, inputStep, weights, area, start, output, outputStep, count, rowStep, rows, top, outputRow, outputRows, strips] = f.pointers;
  const [plane, strip, at] = f.locals("i32", 3);
  f.for(plane!, count!, 1, () => {
    f.set(at!, op("i32.add", strips!, i32(12)));
    for (const kind of [0, 1, 2]) {
      f.for(strip!, load("i32.load", strips!, 4 * kind), 1, () => {
        const from = op("i32.add", input!, load("i32.load", at!));
        const to = op("i32.add", output!, load("i32.load", at!, 4));
        f.call(kind, from, rowStep!, rows!, top!, weights!, start!, to, outputRow!, outputRows!, load("i32.load", at!, 8));
        f.bump(at!, 12);
      });
    }
    f.bump(input!, inputStep!);
    f.bump(weights!, area!);
    f.bump(start!, 4);
    f.bump(output!, outputStep!);
  });
  return f;
}

/** Lanes of tap column kx, as masks, for the outputs from column x on: all ones where they lie inside the input. */
export function columnMasks(
  { kernel: [, kw], stride: [, sx], mirrored }: FilterCode,
  x: number,
  before: number,
  width: number,
): Int32Array {
  return Int32Array.from({ length: 4 * kw }, (_, i) => {
    const kx = mirrored ? kw - 1 - (i >> 2) : i >> 2;
    const column = (x + (i & 3)) * sx + kx - before;
    return column >= 0 && column < width ? -1 : 0;
  });
}

/**
 * The table of vertical strips that cover an output: how many run side by side, alone, and masked; then for each the byte
 * offsets of its input and output column and the address of its masks. The last strip overlaps the one before it rather
 * than reach behind the row.
 */
function writeStrips(room: Room, p: Filtering): number {
  const [width, columns] = [p.size[1], p.out[1]];
  const wide = widthOf(p);
  const starts = Array.from({ length: Math.ceil(columns / 4) }, (_, i) => Math.min(4 * i, columns - 4));
  const masks = new Map(starts.map((x) => [x, columnMasks(p, x, p.before[1], width)]));
  const edges = starts.filter((x) => masks.get(x)!.includes(0));
  const inner = starts.filter((x) => !edges.includes(x));
  const groups: number[] = [];
  const alone: number[] = [];
  for (let i = 0; i < inner.length; ) {
    const together = i + wide <= inner.length && inner[i + wide - 1] === inner[i]! + 4 * (wide - 1);
    (together ? groups : alone).push(inner[i]!);
    i += together ? wide : 1;
  }
  const table = room.table(12 * (1 + starts.length));
  const maskTable = room.table(16 * p.kernel[1] * edges.length);
  const entries = [groups.length, alone.length, edges.length];
  for (const x of [...groups, ...alone, ...edges]) {
    const at = edges.indexOf(x);
    if (at >= 0) room.arena.i32.set(masks.get(x)!, (maskTable >> 2) + 4 * p.kernel[1] * at);
    entries.push(4 * (x * p.stride[1] - p.before[1]), 4 * x, maskTable + 16 * p.kernel[1] * Math.max(at, 0));
  }
  room.arena.i32.set(entries, table >> 2);
  return table;
}

/** A run that filters all planes of a batch. */
export function placeFiltering(room: Room, p: Filtering, { input, weights, start, output }: FilterBlocks): Run {
  const entry = planesOf(room.arena, p);
  const strips = writeStrips(room, p);
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
      ...[way * 4 * p.size[1], p.size[0], p.before[0], way * 4 * columns, rows, strips],
    ],
  });
  const piece = p.multiplier > 1 ? p.multiplier : Math.ceil(outputs / Math.ceil(PIECES / p.batch));
  const tasks: Task[] = [];
  for (let n = 0; n < p.batch; n++) {
    for (let c = 0; c < outputs; c += piece) tasks.push([step(n, c, Math.min(piece, outputs - c))]);
  }
  return placeTasks(room.arena, tasks, (p.batch * outputs * rows * columns * area) / 4);
}
