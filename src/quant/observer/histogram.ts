import type { Scheme } from "../scheme.ts";
import { type Bins, count, merge, newBins, pointsOf } from "./bins.ts";
import { type Accumulator, type Observer, observerOf, type PerChannel } from "./observer.ts";
import { powersOf } from "./power.ts";
import { best, type SearchOptions, searchRange } from "./search.ts";

/** Options shared by the searching observers. */
export interface HistogramOptions extends SearchOptions {
  /** The format the range is searched for; its axis sets the granularity. */
  readonly scheme: Scheme;
  /** Exponent of the error. Default 2 for `histogram`, 2.4 for `mse` (BRECQ, QDrop). */
  readonly p?: number;
  /** Bins per channel. Default 2048. */
  readonly bins?: number;
  /** Where the bins lie if that is known, values beyond counted at the ends; default as the values come, by doubling. */
  readonly range?: { readonly min: number; readonly max: number };
}

/**
 * Range of least Lp error (default p = 2) on the histogram alone: a fixed amount of memory, independent of order and
 * duplication. Definition: the search of `mse`, on counts.
 */
export function histogram(options: HistogramOptions): Observer<PerChannel<Bins>> {
  const { scheme, bins = 2048, p = 2, range } = options;
  const powers = powersOf(p);
  const accumulator: Accumulator<Bins> = {
    init: () => newBins(bins, range),
    addRun: count,
    merge,
    result: (all) =>
      all.total === 0 ? undefined : best(searchRange({ ...pointsOf(all), width: all.width }, all.min, all.max, scheme, powers, options)),
  };
  return observerOf("histogram", accumulator, { axis: scheme.axis });
}
