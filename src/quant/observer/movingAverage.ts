import { ArgumentError } from "../../errors.ts";
import type { Extremes } from "./minmax.ts";
import { channelCount, collectRange, expectChannels, forEachRun, type Granularity, type Observer } from "./observer.ts";

/** Options of `movingAverage`. */
export interface MovingAverageOptions extends Granularity {
  /** Weight of the newest tensor, in (0, 1]. Default 0.1. */
  readonly averagingConstant?: number;
}

/** Running ends per channel. */
export type Averages = { channels: Extremes[] };

/**
 * Exponential moving average of per-tensor minima and maxima; the first tensor sets the start.
 *
 * Depends on the order of the stream, and on how it is cut into tensors.
 *
 * Errors: ArgumentError unless 0 < averagingConstant <= 1.
 *
 * Source: Jacob et al. 2018, section 3.1.
 */
export function movingAverage({ averagingConstant = 0.1, axis = null }: MovingAverageOptions = {}): Observer<Averages> {
  if (!(averagingConstant > 0 && averagingConstant <= 1)) {
    throw new ArgumentError("movingAverage", `averagingConstant must be in (0, 1], got ${averagingConstant}`);
  }
  const name = "movingAverage";
  return {
    name,
    orderSensitive: true,
    init: () => ({ channels: [] }),
    add(state, { x }) {
      if (x.size === 0) return state;
      const count = channelCount(name, x, axis);
      const fresh = Array.from({ length: count }, () => ({ min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }));
      forEachRun(name, x, axis, (c, _data, _start, _end, min, max) => {
        fresh[c] = { min: Math.min(fresh[c].min, min), max: Math.max(fresh[c].max, max) };
      });
      if (state.channels.length === 0) return { channels: fresh };
      expectChannels(name, state.channels.length, count, x);
      const blend = (old: number, now: number): number => old + averagingConstant * (now - old);
      return { channels: state.channels.map((old, c) => ({ min: blend(old.min, fresh[c].min), max: blend(old.max, fresh[c].max) })) };
    },
    result: (state) => collectRange(name, state.channels),
  };
}
