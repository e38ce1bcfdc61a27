import { type Arena, type Entry, FunctionBuilder, instantiate, op, placeTasks, type Task } from "../../wasm/index.ts";
import { emitCorrelate, emitCorrelateRest } from "./correlation.ts";
import { type Filtering, isRolling } from "./depthwiseConv.ts";
import type { Run } from "./index.ts";
import type { Room } from "./placement.ts";
import type { FilterCode } from "./rollingFilter.ts";

/** Addresses: gradients of the planes that a filtering makes, and of its weights. */
export interface CorrelationBlocks {
  readonly input: number;
  readonly gradient: number;
  readonly result: number;
}

/** Pieces of work to share out, where there are as many channels. */
const PIECES = 16;

const planesOf = (arena: Arena, { kernel, stride }: Filtering): Entry => {
  const code: FilterCode = { kernel, stride, mirrored: false, strips: 1 };
  const emit = () => [emitCorrelate(code), emitCorrelateRest(code), emitPlanes()];
  return instantiate(`depthwise correlation ${kernel} ${stride}`, emit, arena).planes;
};

/**
 * planes(fresh, input, inputStep, rowStep, rows, top, gradient, gradientStep, gradientRow, gradientRows, table, rest, restInput,
 * restGradient, result, area, count): correlates `count` planes, steps and the area of a kernel in bytes. `rest` is the table of
 * the columns behind the whole vectors, which begin `restInput` and `restGradient` bytes into a row. Results begin with 0 where
 * `fresh` is not 0.
 */
function emitPlanes(): FunctionBuilder {
  const f = new FunctionBuilder(
    "planes",
    Array.from({ length: 17 }, () => "i32" as const),
  );
  const [fresh, input, inputStep, rowStep, rows, top, gradient, gradientStep, gradientRow, gradientRows, table] = f.pointers;
  const [rest, restInput, restGradient, result, area, count] = f.pointers.slice(11);
  const plane = f.local("i32");
  f.for(plane, count, 1, () => {
    f.if(fresh, () => f.zero(result, area));
    const [restFrom, restAt] = [op("i32.add", input, restInput), op("i32.add", gradient, restGradient)];
    f.if(rest, () => f.call(1, restFrom, rowStep, rows, top, restAt, gradientRow, gradientRows, rest, result));
    f.call(0, input, rowStep, rows, top, gradient, gradientRow, gradientRows, table, result);
    f.bump(input, inputStep);
    f.bump(gradient, gradientStep);
    f.bump(result, area);
  });
  return f;
}

/** All ones where lane `column` of a row of the input lies inside it. */
const maskOf = (p: Filtering, column: number): number => (column >= p.before[1] && column < p.before[1] + p.size[1] ? -1 : 0);

/** The table of the whole vectors of a row: see `emitCorrelate`. */
function writeVectors(room: Room, p: Filtering): number {
  const [, kw] = p.kernel;
  const vectors = Array.from({ length: p.out[1] >> 2 }, (_, i) =>
    Int32Array.from({ length: 4 * kw }, (_, j) => maskOf(p, (4 * i + (j & 3)) * p.stride[1] + (j >> 2))),
  );
  const open = vectors.map((masks) => !masks.includes(0));
  const left = open.indexOf(true) < 0 ? vectors.length : open.indexOf(true);
  const right = open.lastIndexOf(true) + 1 || vectors.length;
  const masks = [...vectors.slice(0, left), ...vectors.slice(right)];
  return writeWords(room, [left, right - left, vectors.length - right, ...masks.flatMap((m) => [...m])]);
}

/** The table of the columns behind the whole vectors: see `emitCorrelateRest`. 0 where there are none. */
function writeRest(room: Room, p: Filtering): number {
  const width = 4 * Math.ceil(p.kernel[1] / 4);
  const columns = Array.from({ length: p.out[1] & 3 }, (_, i) => (p.out[1] & ~3) + i);
  const masks = columns.flatMap((x) => Array.from({ length: width }, (_, kx) => maskOf(p, x * p.stride[1] + kx)));
  return columns.length === 0 ? 0 : writeWords(room, [columns.length, ...masks]);
}

function writeWords(room: Room, words: readonly number[]): number {
  const address = room.table(4 * words.length);
  room.arena.i32.set(words, address >> 2);
  return address;
}

/** Whether the correlation of a filtering's input with its output's gradient runs without a table of taps. */
export const isCorrelated = isRolling;

/** A run that sums the gradient of each filter of `p` over a batch, images in sequence. */
export function placeCorrelation(room: Room, p: Filtering, { input, gradient, result }: CorrelationBlocks): Run {
  const entry = planesOf(room.arena, p);
  const [table, rest] = [writeVectors(room, p), writeRest(room, p)];
  const area = 4 * p.kernel[0] * p.kernel[1];
  const plane = 4 * p.size[0] * p.size[1];
  const target = 4 * p.out[0] * p.out[1];
  const outputs = p.channels * p.multiplier;
  const whole = p.out[1] & ~3;
  const piece = p.multiplier > 1 ? p.multiplier : Math.ceil(outputs / PIECES);
  const tasks: Task[] = [];
  for (let c = 0; c < outputs; c += piece) {
    const step = (n: number) => ({
      entry,
      args: [
        ...[n === 0 ? 1 : 0, input + plane * (n * p.channels + Math.floor(c / p.multiplier)) - 4 * p.before[1]],
        ...[p.multiplier === 1 ? plane : 0, 4 * p.size[1], p.size[0], p.before[0]],
        ...[gradient + target * (n * outputs + c), target, 4 * p.out[1], p.out[0], table],
        ...[rest, 4 * whole * p.stride[1], 4 * whole, result + area * c, area, Math.min(piece, outputs - c)],
      ],
    });
    tasks.push(Array.from({ length: p.batch }, (_, n) => step(n)));
  }
  return placeTasks(room.arena, tasks, (p.batch * outputs * target * area) / 16);
}
