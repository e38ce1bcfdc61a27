import {
  behind,
  fakeQuantStep,
  matmul,
  perThread,
  placeCall,
  productSteps,
  type Room,
  residentBlock,
  stepOf,
  type Tensor,
} from "../../tensor/index.ts";
import { type Arena, instantiate, placeTasks, type Task } from "../../wasm/index.ts";
import { emitOrdered, emitScatter, emitSquares, OUTPUTS } from "./weightedSquares.ts";

/** Sampled volumes of a layer in the order in which their errors are looked at. */
export interface RankedRows {
  /** [groups, outputs/group, terms], float and fake-quantized. */
  readonly weight: Tensor;
  readonly quantizedWeight: Tensor;
  /** Columns of P, [groups * terms, rows]. */
  readonly patches: Float32Array;
  /** How squared errors weigh, [outputs, rows]. */
  readonly importance: Float64Array;
  /** Row numbers, those of a piece one after the other. */
  readonly order: Int32Array;
  /** Rows of a piece: whole vectors of them. */
  readonly length: number;
  readonly qmin: number;
  readonly qmax: number;
}

export interface PlacedRows {
  /** Pieces come in waves: those of one wave are computed side by side. */
  readonly waves: number;
  /** Runs a wave with the given quantizer: its share of the error, up to rounding. */
  wave(index: number, scale: number, zeroPoint: number): number;
  /** The error of what the waves gave last, every output summed in the order of the row numbers; at first that of zeros. */
  ordered(): number;
}

/** Where the parts of the volumes lie, piece after piece. */
interface Places {
  readonly patches: number;
  readonly importance: number;
  readonly targets: number;
  readonly y: number;
}

/**
 * Places the volumes in an arena, where each piece is quantized, multiplied and compared without a copy. The bits are those
 * of the ops on all rows at once.
 *
 * Errors: ArenaFull where they do not fit.
 */
export function placeRankedRows(arena: Arena, p: RankedRows): PlacedRows {
  const [groups, high, terms] = p.weight.shape;
  const [outputs, lines] = [groups * high, groups * terms];
  const pieces = Math.ceil(p.order.length / p.length);
  const size = outputs * p.length;
  const [patches, y, targets] = [lines * p.length, size, size].map((n) => arena.allocate(4 * n * pieces));
  // Groups of outputs read past the last: what they find there is not used.
  const importance = arena.allocate(8 * (size * pieces + OUTPUTS * p.length));
  deal(arena, patches, p.patches, p, lines);
  deal(arena, importance, p.importance, p, outputs);
  arena.f32.fill(0, y >> 2, (y >> 2) + size * pieces);
  const places = { patches, importance, targets, y };
  multiplyAll(arena, p, places, pieces);
  const quantizer = arena.allocate(8) >> 2;
  const results = arena.allocate(16 * pieces);
  const shares = new Float64Array(arena.memory.buffer, results, 2 * pieces);
  const tasks = pieceTasks(arena, p, places, 4 * quantizer, results, pieces);
  const waves = wavesOf(pieces, arena.threads);
  const runs = waves.map(([from, to]) => placeTasks(arena, tasks.slice(from, to), (to - from) * size * terms));
  return {
    waves: waves.length,
    wave(index, scale, zeroPoint) {
      arena.f32[quantizer] = scale;
      arena.f32[quantizer + 1] = zeroPoint;
      runs[index]();
      const [from, to] = waves[index];
      let sum = 0;
      for (let i = 2 * from; i < 2 * to; i++) sum += shares[i];
      return sum;
    },
    ordered: placeOrdered(arena, { y, targets, importance, first: placesOf(p.order, p.length, outputs), outputs, length: p.length }),
  };
}

/** Pieces of a thread in a wave at most. */
const MOST_PIECES = 4;

/** Pieces [from, to) of every wave: one a thread to begin with, as most candidates end there, then more and more. */
function wavesOf(pieces: number, threads: number): [number, number][] {
  const waves: [number, number][] = [];
  for (let from = 0, each = 1; from < pieces; each = Math.min(2 * each, MOST_PIECES)) {
    const to = Math.min(pieces, from + each * threads);
    waves.push([from, to]);
    from = to;
  }
  return waves;
}

/** Writes what the float weights make of every piece to the targets. */
function multiplyAll(arena: Arena, { weight, length }: RankedRows, { patches, targets }: Places, pieces: number): void {
  const [groups, high, terms] = weight.shape;
  const block = (shape: readonly number[], address: number) => residentBlock(arena, { shape, dtype: "f32" }, address, false);
  const left = block(weight.shape, arena.allocate(4 * weight.size));
  left.data.set(weight.data);
  const room = roomIn(arena);
  for (let i = 0; i < pieces; i++) {
    const x = block([groups, terms, length], patches + 4 * i * groups * terms * length);
    const y = block([groups, high, length], targets + 4 * i * groups * high * length);
    placeCall(matmul.def, { ...room(), inputs: [left, x], outputs: [y], attrs: {} })();
  }
}

/** For every piece: its patches on the grid of the quantizer, their products with the quantized weights, the squared errors. */
function pieceTasks(arena: Arena, p: RankedRows, places: Places, quantizer: number, results: number, pieces: number): Task[] {
  const [groups, high, terms] = p.quantizedWeight.shape;
  const [part, size] = [terms * p.length, groups * high * p.length];
  const weights = arena.allocate(4 * p.quantizedWeight.size);
  arena.f32.set(p.quantizedWeight.data, weights >> 2);
  const room = roomIn(arena)();
  const onGrid = perThread(room, 4 * groups * part);
  const sources = Array.from({ length: groups }, (_, g) => weights + 4 * g * high * terms);
  const multiply = productSteps(room, { rows: high, terms, columns: p.length }, sources);
  const { squares } = instantiate("weightedSquares", () => [emitSquares()], arena);
  return Array.from({ length: pieces }, (_, i) => {
    const [x, y, target] = [places.patches + 4 * i * groups * part, places.y + 4 * i * size, places.targets + 4 * i * size];
    return [
      fakeQuantStep(arena, { x, y: onGrid, scale: quantizer, zeroPoint: quantizer + 4 }, groups * part, p),
      ...sources.map((_, g) => multiply(g, behind(onGrid, 4 * g * part), y + 4 * g * high * p.length)),
      stepOf(squares, [y, target, places.importance + 8 * i * size, size, results + 16 * i]),
    ];
  });
}

/** For every row the place of its element in the first line of pieces of [lines, length]. */
function placesOf(order: Int32Array, length: number, lines: number): Int32Array {
  const first = new Int32Array(order.length);
  order.forEach((row, i) => {
    first[row] = Math.floor(i / length) * length * lines + (i % length);
  });
  return first;
}

/**
 * A matrix [lines, rows] as pieces of [lines, length] with zeros behind the last row, line by line: one line at a time passes
 * through the memory.
 */
function deal(arena: Arena, into: number, from: Float32Array | Float64Array, { order, length }: RankedRows, lines: number): void {
  const rows = order.length;
  const bytes = from.BYTES_PER_ELEMENT;
  const places = arena.allocate(4 * rows);
  arena.i32.set(placesOf(order, length, lines), places >> 2);
  const address = arena.allocate(bytes * rows);
  const line = from instanceof Float32Array ? arena.f32 : new Float64Array(arena.memory.buffer);
  const { scatter4, scatter8 } = instantiate("scatterLine", () => [emitScatter(4), emitScatter(8)], arena);
  const scatter = bytes === 4 ? scatter4 : scatter8;
  const full = Math.floor(rows / length) * length * lines;
  line.fill(0, into / bytes + full, into / bytes + Math.ceil(rows / length) * length * lines);
  for (let i = 0; i < lines; i++) {
    line.set(from.subarray(i * rows, (i + 1) * rows), address / bytes);
    scatter(address, places, rows, into + bytes * length * i);
  }
}

interface Compared {
  readonly y: number;
  readonly targets: number;
  readonly importance: number;
  readonly first: Int32Array;
  readonly outputs: number;
  readonly length: number;
}

function placeOrdered(arena: Arena, { y, targets, importance, first, outputs, length }: Compared): () => number {
  const places = arena.allocate(4 * first.length);
  arena.i32.set(first, places >> 2);
  const groups = Math.ceil(outputs / OUTPUTS);
  const result = arena.allocate(8 * OUTPUTS * groups);
  const sums = new Float64Array(arena.memory.buffer, result, outputs);
  const { ordered } = instantiate(`orderedSquares ${length}`, () => [emitOrdered(length)], arena);
  const tasks = Array.from({ length: groups }, (_, g) => {
    const at = g * OUTPUTS * length;
    const args = [y + 4 * at, targets + 4 * at, importance + 8 * at, places, first.length, result + 8 * OUTPUTS * g];
    return [{ entry: ordered, args }];
  });
  const run = placeTasks(arena, tasks, 4 * first.length * outputs);
  return () => {
    run();
    let total = 0;
    for (let c = 0; c < outputs; c++) total += sums[c];
    return total;
  };
}

/** Room for calls that run one after the other: their scratch is the same. */
function roomIn(arena: Arena): () => Room {
  const shared: { address: number; bytes: number }[] = [];
  const scratchAt = (index: number, bytes: number): number => {
    const known = shared[index];
    if (known && known.bytes >= bytes) return known.address;
    shared[index] = { address: arena.allocate(bytes), bytes };
    return shared[index].address;
  };
  return () => {
    let next = 0;
    return { arena, table: (bytes) => arena.allocate(bytes), scratch: (bytes) => scratchAt(next++, bytes) };
  };
}
