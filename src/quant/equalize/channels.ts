import { exp, log } from "../../elementary.ts";
import type { Layer } from "../../graph/index.ts";

/** Which channel of its input and of its output every element of a layer's weight belongs to. */
export interface WeightChannels {
  readonly inputs: number;
  readonly outputs: number;
  /** The input channel that element `i` multiplies. */
  inputOf(i: number): number;
  /** The output channel that element `i` adds to. */
  outputOf(i: number): number;
}

/** How the elements of a layer's weight lie. Shape: conv2d [Co, Ci/g, ...], convTranspose2d [Ci, Co/g, ...], matmul [K, N]. */
export function weightChannels({ kind, groups }: Layer, shape: readonly number[]): WeightChannels {
  const [first, second] = shape;
  const inner = shape.slice(2).reduce((a, d) => a * d, 1);
  const outer = (i: number): number => Math.floor(i / (second * inner));
  // Elements of a group lie together along the first axis; along the second axis channels count within the group.
  const grouped = (i: number): number => Math.floor(outer(i) / (first / groups)) * second + (Math.floor(i / inner) % second);
  if (kind === "conv2d") return { inputs: second * groups, outputs: first, inputOf: grouped, outputOf: outer };
  return { inputs: first, outputs: second * groups, inputOf: outer, outputOf: grouped };
}

/** The axis of a layer's input and output that runs over channels. */
export const channelAxisOf = ({ kind }: Layer, rank: number): number => (kind === "matmul" ? rank - 1 : 1);

/** Largest magnitude by channel. */
export function largestBy(values: ArrayLike<number>, channels: number, channelOf: (i: number) => number): Float64Array {
  const largest = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) {
    const c = channelOf(i);
    const size = Math.abs(values[i]);
    if (size > largest[c]) largest[c] = size;
  }
  return largest;
}

/** x^a for x > 0, with the same bits on every engine. */
export function positivePower(x: number, a: number): number {
  if (a === 0) return 1;
  if (a === 1) return x;
  return a === 0.5 ? Math.sqrt(x) : exp(a * log(x));
}
