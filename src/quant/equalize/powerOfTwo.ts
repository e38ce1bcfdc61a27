import { ArgumentError } from "../../errors.ts";
import type { Graph } from "../../graph/index.ts";
import { roundHalfEven, type Tensor } from "../../tensor/index.ts";
import { ChangedParameters, type Rewrite } from "./parameters.ts";
import { findSeams } from "./seams.ts";

/** Channels are divided by 2^j, j from 0 to this. */
const LARGEST_EXPONENT = 3;

/** Share of the votes that decides. */
const MAJORITY = 0.85;

/**
 * The exponent j of each channel of one sample: the channel divided by 2^j is put on a grid whose range is an eighth of
 * the tensor's, and the j with the least squared error wins, the smaller of two equal ones.
 *
 * Shape: x with C channels on `axis` → [C]. Unstated: the grid; ours lets j = 3 cover the whole tensor and j = 0 an eighth.
 */
export function channelExponents({ data, shape }: Tensor, axis: number, bits: number): Int8Array {
  const channels = shape[axis];
  const inner = shape.slice(axis + 1).reduce((a, d) => a * d, 1);
  let [low, high] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    low = Math.min(low, data[i]);
    high = Math.max(high, data[i]);
  }
  const errors = new Float64Array((LARGEST_EXPONENT + 1) * channels);
  const finest = (high - low) / 2 ** LARGEST_EXPONENT / (2 ** bits - 1);
  if (!(finest > 0)) return new Int8Array(channels);
  for (let j = 0; j <= LARGEST_EXPONENT; j++) {
    const scale = finest * 2 ** j;
    const first = roundHalfEven(low / 2 ** LARGEST_EXPONENT / finest);
    for (let i = 0; i < data.length; i++) {
      const code = Math.min(first + 2 ** bits - 1, Math.max(first, roundHalfEven(data[i] / scale)));
      errors[j * channels + (Math.floor(i / inner) % channels)] += (data[i] - code * scale) ** 2;
    }
  }
  return Int8Array.from({ length: channels }, (_, c) => {
    let best = 0;
    for (let j = 1; j <= LARGEST_EXPONENT; j++) if (errors[j * channels + c] < errors[best * channels + c]) best = j;
    return best;
  });
}

/**
 * What the samples' exponents agree on: the most frequent where at least 85 % name it, else the largest named.
 *
 * Source: Lee et al. 2025 (DMQ). Errors: ArgumentError without votes.
 */
export function voteExponent(votes: readonly number[]): number {
  if (votes.length === 0) throw new ArgumentError("voteExponent", "votes must be at least 1, got 0");
  const counts = new Map<number, number>();
  for (const j of votes) counts.set(j, (counts.get(j) ?? 0) + 1);
  for (const [j, count] of counts) if (count >= MAJORITY * votes.length) return j;
  return Math.max(...votes);
}

/**
 * Power-of-two scaling: channel c of an activation is divided by 2^j, j voted by the samples, and the weights that read it
 * are multiplied by 2^j. All factors are powers of two, so the float network gives the same bits but for underflow.
 *
 * `exponents` holds, by the name of the tensor that layers read, what `channelExponents` found for each sample. Shapes: [C]
 * each. Errors: ArgumentError without votes. Source: Lee
 * et al. 2025 (DMQ), power-of-two scaling.
 *
 * Departure: DMQ folds the factor into the activation's scale; ours goes into the layer or normalisation before.
 */
export function powerOfTwoScaling(graph: Graph, exponents: ReadonlyMap<string, readonly Int8Array[]>): Rewrite {
  const parameters = new ChangedParameters(graph);
  const changed: string[] = [];
  for (const seam of findSeams(graph)) {
    const votes = exponents.get(seam.tensor);
    if (!votes) continue;
    const factors = Float64Array.from({ length: seam.channels }, (_, c) => 2 ** voteExponent(votes.map((v) => v[c])));
    if (factors.every((s) => s === 1)) continue;
    parameters.scale(seam, factors);
    changed.push(seam.tensor);
  }
  return { graph: parameters.graph(), changed, keep: [] };
}
