import { exp, log, log1p } from "../../elementary.ts";
import type { Rng } from "../../tensor/index.ts";
import type { Floats } from "./observer.ts";

/**
 * A uniform sample without replacement of a stream, by seeded skips (algorithm L of Li, 1994): the cost per
 * element that is not kept is nothing. How the stream is cut does not matter; its order does once the
 * capacity is exceeded.
 */
export interface Reservoir {
  readonly values: Float64Array;
  readonly rng: Rng;
  /** Elements offered so far. */
  seen: number;
  /** Index in the stream of the next element to keep, once full. */
  next: number;
  weight: number;
}

export function emptyReservoir(capacity: number, rng: Rng): Reservoir {
  return { values: new Float64Array(capacity), rng, seen: 0, next: Number.POSITIVE_INFINITY, weight: 1 };
}

/** Offers data[start, end). */
export function offer(reservoir: Reservoir, data: Floats, start: number, end: number): void {
  const { values, rng } = reservoir;
  const capacity = values.length;
  let i = start;
  while (reservoir.seen < capacity && i < end) {
    values[reservoir.seen++] = data[i++];
    if (reservoir.seen === capacity) skip(reservoir);
  }
  const base = reservoir.seen - i; // stream index of data[i] is base + i
  while (reservoir.next - base < end) {
    values[rng.int(0, capacity - 1)] = data[reservoir.next - base];
    skip(reservoir);
  }
  reservoir.seen = base + end;
}

function skip(reservoir: Reservoir): void {
  const { rng } = reservoir;
  const capacity = reservoir.values.length;
  const from = reservoir.next === Number.POSITIVE_INFINITY ? reservoir.seen : reservoir.next + 1;
  reservoir.weight *= exp(log(1 - rng.float()) / capacity);
  reservoir.next = from + Math.floor(log(1 - rng.float()) / log1p(-reservoir.weight));
}

/** What was kept, as far as it is filled. */
export const kept = ({ values, seen }: Reservoir): Float64Array => values.subarray(0, Math.min(seen, values.length));
