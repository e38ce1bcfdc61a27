import { Tensor } from "../../tensor/index.ts";
import type { Range, Scheme } from "../scheme.ts";

/** A positive float32 that is no smaller than a runtime keeps; 1 where nothing is there to scale. */
export const normal = (scale: number): number => (Math.fround(scale) >= 2 ** -126 ? Math.fround(scale) : 1);

/** Visits the elements of x with their channel. */
export function eachChannel(x: Tensor, axis: number | null, visit: (value: number, channel: number) => void): void {
  const channels = axis === null ? 1 : x.shape[axis];
  const inner = axis === null ? Math.max(1, x.size) : x.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  for (let i = 0; i < x.size; i++) visit(x.data[i], Math.floor(i / inner) % channels);
}

/** The largest magnitude of each channel of a range. */
export const magnitudesOf = ({ min, max }: Range): number[] => Array.from(min, (low, c) => Math.max(0, -low, max[c]));

/**
 * Where the clip of a non-uniform grid starts: 3 root mean squares of the weights, but not past the largest magnitude; the
 * largest magnitude where there are no values to look at, or codes are unsigned.
 *
 * Departure: APoT first normalises the weights to mean 0 and standard deviation 1, which only a network with batch norm
 * behind every layer forgives.
 */
export function clipsOf(range: Range, { signed, axis }: Scheme, x?: Tensor): number[] {
  const largest = magnitudesOf(range);
  if (!signed || !x) return largest;
  const squares = new Float64Array(largest.length);
  const counts = new Float64Array(largest.length);
  eachChannel(x, axis, (value, c) => {
    squares[c] += value * value;
    counts[c]++;
  });
  return largest.map((end, c) => Math.min(end, 3 * Math.sqrt(squares[c] / Math.max(1, counts[c]))));
}

/** f32 scales [C] that put `top` at each clip. */
export const scalesFor = (clips: readonly number[], top: number): Tensor =>
  new Tensor(
    [clips.length],
    "f32",
    Float32Array.from(clips, (clip) => normal(clip / top)),
  );
