import { ArgumentError } from "../../errors.ts";
import { type Bins, count, emptyBins, merge, quantile } from "./bins.ts";
import { type Floats, type Granularity, type Observer, observerOf, type PerChannel } from "./observer.ts";

/** Options of `percentile`; all in percent. */
export interface PercentileOptions extends Granularity {
  /** Share kept inside the range; half of the rest is cut at each end. Default 99.99. */
  readonly percentile?: number;
  /** Explicit ends instead. */
  readonly low?: number;
  readonly high?: number;
  /** Cut |x| at `percentile` and return [-t, t]. Default false. */
  readonly symmetric?: boolean;
  /** Elements retained per tensor (shared by its channels) before a histogram takes over. Default 2^20. */
  readonly retain?: number;
  /** Bins of that histogram. Default 2048. */
  readonly bins?: number;
}

/** Values as they came, or their histogram. */
export type Retained = { values: Floats; used: number; readonly limit: number; bins: Bins | undefined };

/**
 * Percentile range: exact quantiles (linear between order statistics, numpy's default) of up to `retain` elements, of a
 * histogram beyond. 100 % equals `minmax`; ranges are nested in the percentile.
 *
 * Errors: ArgumentError unless 0 <= low <= high <= 100.
 *
 * Definition: Hyndman and Fan 1996, quantile 7.
 */
export function percentile(options: PercentileOptions = {}): Observer<PerChannel<Retained>> {
  const { percentile: inside = 99.99, symmetric = false, retain = 2 ** 20, bins = 2048 } = options;
  const { low = (100 - inside) / 2, high = 100 - (100 - inside) / 2 } = options;
  if (!(low >= 0 && low <= high && high <= 100 && inside <= 100)) {
    throw new ArgumentError("percentile", `percentiles must satisfy 0 <= low <= high <= 100, got low ${low}, high ${high}`);
  }
  return observerOf<Retained>(
    "percentile",
    {
      init: (channels) => ({ values: new Float32Array(0), used: 0, limit: Math.ceil(retain / channels), bins: undefined }),
      addRun: (kept, data, start, end, min, max) =>
        symmetric ? keepMagnitudes(kept, data, start, end, min, max, bins) : keep(kept, data, start, end, min, max, bins),
      merge: (kept, other) => joined(kept, other, bins),
      result(kept) {
        if (kept.used === 0 && !kept.bins) return undefined;
        if (!symmetric) return { min: at(kept, low / 100), max: at(kept, high / 100) };
        const t = at(kept, inside / 100);
        return { min: -t, max: t };
      },
    },
    options,
  );
}

function keepMagnitudes(kept: Retained, data: Floats, start: number, end: number, min: number, max: number, bins: number): void {
  const magnitudes = data.slice(start, end);
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < magnitudes.length; i++) {
    magnitudes[i] = Math.abs(magnitudes[i]);
    smallest = Math.min(smallest, magnitudes[i]);
  }
  keep(kept, magnitudes, 0, magnitudes.length, smallest, Math.max(-min, max), bins);
}

function keep(kept: Retained, data: Floats, start: number, end: number, min: number, max: number, bins: number): void {
  const used = kept.used + end - start;
  if (kept.bins || used > kept.limit) {
    kept.bins ??= handOver(kept, emptyBins(bins));
    count(kept.bins, data, start, end, min, max);
    return;
  }
  if (used > kept.values.length || (data instanceof Float64Array && kept.values instanceof Float32Array)) grow(kept, data, used);
  kept.values.set(data.subarray(start, end), kept.used);
  kept.used = used;
}

/** What both kept: values while they fit, else a histogram. */
function joined(kept: Retained, other: Retained, bins: number): Retained {
  if (!other.bins) {
    if (other.used > 0) keep(kept, other.values, 0, other.used, at(other, 0), at(other, 1), bins);
    return kept;
  }
  kept.bins ??= handOver(kept, emptyBins(bins));
  merge(kept.bins, other.bins);
  return kept;
}

/** Makes room for `used` values, as wide as the widest seen. */
function grow(kept: Retained, data: Floats, used: number): void {
  const length = Math.min(kept.limit, Math.max(used, 2 * kept.values.length));
  const narrow = data instanceof Float32Array && (kept.used === 0 || kept.values instanceof Float32Array);
  const larger = narrow ? new Float32Array(length) : new Float64Array(length);
  larger.set(kept.values.subarray(0, kept.used));
  kept.values = larger;
}

/** Moves the retained values into a histogram. */
function handOver(kept: Retained, bins: Bins): Bins {
  if (kept.used > 0) count(bins, kept.values, 0, kept.used, at(kept, 0), at(kept, 1));
  kept.values = new Float32Array(0);
  kept.used = 0;
  return bins;
}

function at(kept: Retained, q: number): number {
  if (kept.bins) return quantile(kept.bins, q);
  const sorted = kept.values.subarray(0, kept.used).sort(); // order of the retained values carries nothing
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
