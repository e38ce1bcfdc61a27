import { ArgumentError } from "../../errors.ts";
import type { Range } from "../scheme.ts";
import { minmax } from "./minmax.ts";
import { collectRange, expectChannels, type Granularity, type Observer } from "./observer.ts";

/** Options of `movingAverage`. */
export interface MovingAverageOptions extends Granularity {
  /** Weight of the newest tensor, in (0, 1]. Default 0.1. */
  readonly averagingConstant?: number;
  /** What is averaged: the observer asked on each tensor alone. Default `minmax` along `axis`; `percentile` is MQBench's EMAQuantile. */
  readonly of?: Observer;
}

/** The running range, once there was a tensor. */
export type Average = { range: Range | undefined };

/**
 * Exponential moving average of per-tensor ranges; the first tensor sets the start.
 *
 * Depends on the order of the stream, and on how it is cut into tensors.
 *
 * Errors: ArgumentError unless 0 < averagingConstant <= 1.
 *
 * Source: Jacob et al. 2018, section 3.1.
 */
export function movingAverage({
  averagingConstant = 0.1,
  axis = null,
  of = minmax({ axis }),
}: MovingAverageOptions = {}): Observer<Average> {
  if (!(averagingConstant > 0 && averagingConstant <= 1)) {
    throw new ArgumentError("movingAverage", `averagingConstant must be in (0, 1], got ${averagingConstant}`);
  }
  const name = "movingAverage";
  const blend = (old: Float64Array, now: Float64Array): Float64Array => old.map((v, c) => v + averagingConstant * (now[c] - v));
  return {
    name,
    orderSensitive: true,
    init: () => ({ range: undefined }),
    add(state, sample) {
      if (sample.x.size === 0) return state;
      const fresh = of.result(of.add(of.init(), sample));
      const old = state.range;
      if (!old) return { range: fresh };
      expectChannels(name, old.min.length, fresh.min.length, sample.x);
      return { range: { min: blend(old.min, fresh.min), max: blend(old.max, fresh.max) } };
    },
    result: ({ range }) => range ?? collectRange(name, []),
  };
}
