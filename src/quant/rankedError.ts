import type { Lease } from "./kernels/lease.ts";
import { type PlacedRows, placeRankedRows } from "./kernels/rankedRows.ts";
import type { RefineReader } from "./refine.ts";
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
  readonly waves: number;
  /** Weighted energy of the float outputs; 1 where that is 0. */
  readonly energy: number;
  readonly #placed: PlacedRows;

  /** Errors: ArenaFull where the rows do not fit. */
  constructor(arena: Lease, reader: RefineReader, { qmin, qmax }: Scheme) {
    const { rows, weight, quantizedWeight, importance } = reader;
    const order = heaviestFirst(importance.elements, rows.rows);
    this.#placed = placeRankedRows(arena, {
      ...{ weight, quantizedWeight, order, qmin, qmax },
      patches: rows.patches.data as Float32Array,
      importance: importance.elements,
      length: pieceLength(quantizedWeight.size),
    });
    this.waves = this.#placed.waves;
    this.energy = this.ordered() || 1;
  }

  /** Runs the pieces of one wave: their share of the error, up to rounding. */
  wave(index: number, { scale, zeroPoint }: QParams): number {
    return this.#placed.wave(index, scale.data[0], zeroPoint.data[0]);
  }

  /** The error after all waves ran. */
  ordered(): number {
    return this.#placed.ordered();
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
