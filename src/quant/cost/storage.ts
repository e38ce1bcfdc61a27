import { bitsOf, type CostLayer } from "./layerCost.ts";

/** Bytes that a model takes, by what they hold. */
export interface StorageBytes {
  /** Weights: packed codes, or float32. */
  readonly weights: number;
  /** Scales of weight grids, float32. */
  readonly scales: number;
  /** Zero points of uniform weight grids, whole bytes each. */
  readonly zeroPoints: number;
  /** Biases, int32 or float32. */
  readonly biases: number;
  /** Further float32 numbers of weight grids: tables of levels. */
  readonly extras: number;
  /** All of them. */
  readonly total: number;
}

const FLOAT = 4;

/** Bytes of one layer; activation bits do not enter. */
function bytesOfLayer({ weights, weightBits, biases = 0, grids = 1, levels, extraFloats = 0 }: CostLayer): StorageBytes {
  const coded = weightBits !== "float" && weights > 0;
  const counted = coded ? grids : 0;
  const parts = {
    weights: Math.ceil((weights * bitsOf(weightBits)) / 8),
    scales: FLOAT * counted,
    zeroPoints: levels === undefined ? counted * Math.ceil(bitsOf(weightBits) / 8) : 0,
    biases: FLOAT * biases,
    extras: FLOAT * (extraFloats * counted + (coded ? (levels ?? 0) : 0)),
  };
  return { ...parts, total: parts.weights + parts.scales + parts.zeroPoints + parts.biases + parts.extras };
}

const NOTHING: StorageBytes = { weights: 0, scales: 0, zeroPoints: 0, biases: 0, extras: 0, total: 0 };

/**
 * Bytes of all layers: packed weight codes, float32 scales, zero points of whole bytes, biases of 4 bytes and further
 * floats. Every layer is counted once; grids of activations are left out.
 */
export function storageBytes(layers: Iterable<CostLayer>): StorageBytes {
  let sum = NOTHING;
  for (const layer of layers) {
    const one = bytesOfLayer(layer);
    sum = {
      weights: sum.weights + one.weights,
      scales: sum.scales + one.scales,
      zeroPoints: sum.zeroPoints + one.zeroPoints,
      biases: sum.biases + one.biases,
      extras: sum.extras + one.extras,
      total: sum.total + one.total,
    };
  }
  return sum;
}

/**
 * Storage as Reg-PTQ Table 4 counts it, in 32-bit words: weights and biases alike at weight bits / 32, no scales.
 *
 * Unstated: all of it; inferred from the printed numbers, of which it gives all but one to their last digit.
 */
export function storageWords(layers: Iterable<CostLayer>): number {
  let words = 0;
  for (const { weights, biases = 0, weightBits } of layers) words += ((weights + biases) * bitsOf(weightBits)) / 32;
  return words;
}
