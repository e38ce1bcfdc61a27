import { fakeQuant, matmul, placeCall, type Room, type Run, residentBlock, type Tensor } from "../../tensor/index.ts";
import { type Arena, instantiate, placeTasks } from "../../wasm/index.ts";
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
  readonly pieces: number;
  /** Runs a piece with the given quantizer: its share of the error, up to rounding. */
  piece(index: number, scale: number, zeroPoint: number): number;
  /** The error of what the pieces gave last, every output summed in the order of the row numbers; at first that of zeros. */
  ordered(): number;
}

/**
 * Places the volumes in an arena, where each piece is quantized, multiplied and compared without a copy. The bits are those
 * of the ops on all rows at once.
 *
 * Errors: ArenaFull where they do not fit.
 */
export function placeRankedRows(arena: Arena, p: RankedRows): PlacedRows {
  const [groups, high, terms] = p.weight.shape;
  const [outputs, lines, rows] = [groups * high, groups * terms, p.order.length];
  const pieces = Math.ceil(rows / p.length);
  const size = outputs * p.length;
  const [patches, y, targets] = [lines * p.length, size, size].map((n) => arena.allocate(4 * n * pieces));
  // Groups of outputs read past the last: what they find there is not used.
  const importance = arena.allocate(8 * (size * pieces + OUTPUTS * p.length));
  const first = placesOf(p.order, p.length, outputs);
  deal(arena, patches, p.patches, p, lines);
  deal(arena, importance, p.importance, p, outputs);
  arena.f32.fill(0, y >> 2, (y >> 2) + size * pieces);

  const block = (shape: readonly number[], address: number, constant = false) =>
    residentBlock(arena, { shape, dtype: "f32" }, address, constant);
  const weightOf = (w: Tensor, constant: boolean) => {
    const placed = block(w.shape, arena.allocate(4 * w.size), constant);
    placed.data.set(w.data);
    return placed;
  };
  const [weight, quantizedWeight] = [weightOf(p.weight, false), weightOf(p.quantizedWeight, true)];
  const [scale, zeroPoint] = [block([1], arena.allocate(4)), block([1], arena.allocate(4))];
  const onGrid = block([groups, terms, p.length], arena.allocate(4 * lines * p.length));
  const room = roomIn(arena);
  const runs: Run[] = [];
  for (let i = 0; i < pieces; i++) {
    const x = block([groups, terms, p.length], patches + 4 * i * lines * p.length);
    const [into, target] = [y, targets].map((at) => block([groups, high, p.length], at + 4 * i * size));
    placeCall(matmul.def, { ...room(), inputs: [weight, x], outputs: [target], attrs: {} })();
    const attrs = { qmin: p.qmin, qmax: p.qmax, axis: null };
    const quantize = placeCall(fakeQuant.def, { ...room(), inputs: [x, scale, zeroPoint], outputs: [onGrid], attrs });
    const multiply = placeCall(matmul.def, { ...room(), inputs: [quantizedWeight, onGrid], outputs: [into], attrs: {} });
    runs.push(() => {
      quantize();
      multiply();
    });
  }
  const result = arena.allocate(16);
  const share = new Float64Array(arena.memory.buffer, result, 2);
  const { squares } = instantiate("weightedSquares", () => [emitSquares()], arena);
  return {
    pieces,
    piece(index, s, z) {
      scale.data[0] = s;
      zeroPoint.data[0] = z;
      runs[index]();
      const at = index * size;
      squares(y + 4 * at, targets + 4 * at, importance + 8 * at, size, result);
      return share[0] + share[1];
    },
    ordered: placeOrdered(arena, { y, targets, importance, first, outputs, length: p.length }),
  };
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
