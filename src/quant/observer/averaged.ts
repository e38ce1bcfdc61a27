import type { Range } from "../scheme.ts";
import { collectRange, expectChannels, type Observer } from "./observer.ts";

/** The range of every tensor so far. */
export type PerTensor = { ranges: Range[] };

/**
 * The mean of what an observer finds on each tensor alone: with `minmax` the averaged range of QDrop and PD-Quant, which
 * a single extreme sample moves by its share only.
 *
 * Independent of the order of the tensors, as long as the observer is; depends on how the stream is cut. The mean of the
 * sorted ends is taken, so that rounding does not see the order either. Source: the averaged min-max of QDrop's code.
 */
export function averaged(observer: Observer): Observer<PerTensor> {
  const name = `averaged(${observer.name})`;
  return {
    name,
    orderSensitive: observer.orderSensitive,
    init: () => ({ ranges: [] }),
    add(state, sample) {
      if (sample.x.size === 0) return state;
      const range = observer.result(observer.add(observer.init(), sample));
      const [first] = state.ranges;
      if (first) expectChannels(name, first.min.length, range.min.length, sample.x);
      state.ranges.push(range);
      return state;
    },
    merge: (a, b) => ({ ranges: [...a.ranges, ...b.ranges] }),
    result({ ranges }) {
      const ends = Array.from(ranges[0]?.min ?? [], (_, c) => ({ min: meanOf(ranges, "min", c), max: meanOf(ranges, "max", c) }));
      return collectRange(name, ends);
    },
  };
}

function meanOf(ranges: readonly Range[], end: "min" | "max", channel: number): number {
  const sorted = Float64Array.from(ranges, (r) => r[end][channel]).sort();
  return sorted.reduce((sum, v) => sum + v, 0) / sorted.length;
}
