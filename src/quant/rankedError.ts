import { compileViews } from "../autograd/index.ts";
import { fakeQuant, Tensor } from "../tensor/index.ts";
import type { RefineReader } from "./refine.ts";
import { product } from "./refineObjective.ts";
import type { QParams, Scheme } from "./scheme.ts";

/** Multiply-adds of one piece: enough to pay for its calls. */
const PIECE_WORK = 2 ** 19;
const PIECE_ROWS = { min: 64, max: 512 };

/**
 * The weighted squared error of one reader of a per-tensor site, computed piece by piece with the heaviest rows first:
 * gradients are so uneven that a few rows hold most of the error. `ordered` gives the sum of all pieces, added in the order
 * of the rows.
 */
export class RankedError {
  readonly pieces: number;
  /** Weighted energy of the float outputs; 1 where that is 0. */
  readonly energy: number;
  readonly #run: (patches: Tensor, scale: Tensor, zeroPoint: Tensor) => Tensor;
  /** Patches [inputs, taps, rows] of each piece. */
  readonly #patches: readonly Tensor[];
  /** Pieces one after the other, each [outputs, length]; what is behind the last row weighs nothing. */
  readonly #outputs: Float32Array;
  readonly #targets: Float32Array;
  readonly #weights: Float64Array;
  /** Where row r of output c lies in these: `first[r] + c * length`. */
  readonly #first: Int32Array;
  readonly #count: number;
  readonly #length: number;

  constructor({ rows: { rows, patches, view }, weight, quantizedWeight, importance }: RefineReader, { qmin, qmax }: Scheme) {
    this.#count = view.outputs;
    this.#length = pieceLength(quantizedWeight.size);
    const order = heaviestFirst(importance.elements, rows);
    const pieces = Array.from({ length: Math.ceil(rows / this.#length) }, (_, i) =>
      order.subarray(i * this.#length, (i + 1) * this.#length),
    );
    this.pieces = pieces.length;
    this.#first = placesOf(order, this.#length, view.outputs);
    this.#patches = pieces.map((piece) => columnsOf(patches, piece, this.#length));
    this.#run = compileViews((x, scale, zeroPoint) => product(quantizedWeight, fakeQuant(x, scale, zeroPoint, { qmin, qmax, axis: null })));
    this.#targets = this.#arranged(product(weight, patches).data, Float32Array);
    this.#weights = this.#arranged(importance.elements, Float64Array);
    this.#outputs = new Float32Array(this.#targets.length);
    this.energy = this.ordered() || 1;
  }

  /** Runs one piece: its share of the error, up to rounding. */
  piece(index: number, { scale, zeroPoint }: QParams): number {
    const start = index * this.#length * this.#count;
    const y = this.#run(this.#patches[index], scale, zeroPoint).data as Float32Array;
    this.#outputs.set(y, start);
    return sumOfSquares(this.#outputs, this.#targets, this.#weights, start, start + y.length);
  }

  /** The error after all pieces ran. */
  ordered(): number {
    const [y, target, weights, first, length] = [this.#outputs, this.#targets, this.#weights, this.#first, this.#length];
    let total = 0;
    for (let c = 0; c < this.#count; c++) {
      let sum = 0;
      for (let r = 0; r < first.length; r++) {
        const i = first[r] + c * length;
        const d = y[i] - target[i];
        sum += weights[i] * d * d;
      }
      total += sum;
    }
    return total;
  }

  /** A matrix [outputs, rows] in the order of the pieces. */
  #arranged<T extends Float32Array | Float64Array>(matrix: ArrayLike<number>, Kind: new (length: number) => T): T {
    const rows = this.#first.length;
    const out = new Kind(this.pieces * this.#length * this.#count);
    for (let c = 0; c < this.#count; c++) for (let r = 0; r < rows; r++) out[this.#first[r] + c * this.#length] = matrix[c * rows + r];
    return out;
  }
}

/** Rows of one piece, whole vectors of them. */
const pieceLength = (weights: number): number =>
  Math.min(PIECE_ROWS.max, Math.max(PIECE_ROWS.min, 8 * Math.ceil(PIECE_WORK / weights / 8)));

/** Row numbers by falling weight; ties in their order. */
function heaviestFirst(weights: Float64Array, rows: number): Int32Array {
  const load = new Float64Array(rows);
  for (let i = 0; i < weights.length; ) for (let r = 0; r < rows; r++) load[r] += weights[i++];
  return Int32Array.from(load, (_, r) => r).sort((a, b) => load[b] - load[a] || a - b);
}

/** For every row the place of its first output. */
function placesOf(order: Int32Array, length: number, outputs: number): Int32Array {
  const first = new Int32Array(order.length);
  order.forEach((row, i) => {
    first[row] = Math.floor(i / length) * length * outputs + (i % length);
  });
  return first;
}

/** Columns of a matrix [inputs, taps, rows], zeros up to `length` of them. */
function columnsOf(patches: Tensor, columns: Int32Array, length: number): Tensor {
  const [inputs, taps, rows] = patches.shape;
  const data = new Float32Array(inputs * taps * length);
  for (let line = 0; line < inputs * taps; line++) {
    for (let i = 0; i < columns.length; i++) data[line * length + i] = patches.data[line * rows + columns[i]];
  }
  return new Tensor([inputs, taps, length], "f32", data);
}

/** Four sums side by side: the order does not matter here. Pieces are whole vectors. */
function sumOfSquares(y: Float32Array, target: Float32Array, weights: Float64Array, start: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = start; i < end; i += 4) {
    const e0 = y[i] - target[i];
    const e1 = y[i + 1] - target[i + 1];
    const e2 = y[i + 2] - target[i + 2];
    const e3 = y[i + 3] - target[i + 3];
    a += weights[i] * e0 * e0;
    b += weights[i + 1] * e1 * e1;
    c += weights[i + 2] * e2 * e2;
    d += weights[i + 3] * e3 * e3;
  }
  return a + b + c + d;
}
