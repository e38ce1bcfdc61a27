import { Rng } from "../../tensor/index.ts";
import { type Bins, count, newBins, pointsOf } from "./bins.ts";
import type { HistogramOptions } from "./histogram.ts";
import { type Accumulator, type Observer, observerOf, type PerChannel } from "./observer.ts";
import { powersOf } from "./power.ts";
import { emptyReservoir, kept, offer, type Reservoir } from "./reservoir.ts";
import { best, type Candidate, lossOf, searchRange } from "./search.ts";

/** Options of `mse`. */
export interface MseOptions extends HistogramOptions {
  /** Values kept per tensor for the exact comparison; channels share it, at least 1024 each. Default 16384. */
  readonly retain?: number;
  /** Seed of that sample. Default 0. */
  readonly seed?: number;
}

/** A histogram and a sample of what went into it. */
export type Watched = { readonly bins: Bins; readonly sample: Reservoir };

/** How many candidates of the histogram search are compared exactly. */
const FINALISTS = 3;

/**
 * Range of least Lp quantization error: a search over shrunken ranges on a histogram, then an exact comparison of
 * its best three and the full range on a seeded sample. Where the sample holds everything, the search itself runs
 * on it, and the result is never worse than min-max in sum |x^ - x|^p.
 *
 * Source: the Lp grid of BRECQ and QDrop; histogram search with exact finalists is ours.
 */
export function mse(options: MseOptions): Observer<PerChannel<Watched>> {
  const { scheme, p = 2.4, bins = 2048, range, retain = 16384, seed = 0 } = options;
  const powers = powersOf(p);
  const accumulator: Accumulator<Watched> = {
    init: (channels) => ({
      bins: newBins(bins, range),
      sample: emptyReservoir(Math.max(1024, Math.ceil(retain / channels)), new Rng(seed)),
    }),
    addRun(watched, data, start, end, min, max) {
      count(watched.bins, data, start, end, min, max);
      offer(watched.sample, data, start, end);
    },
    result({ bins: all, sample }) {
      if (all.total === 0) return undefined;
      const values = kept(sample);
      if (values.length === all.total) return best(searchRange({ values, width: 0 }, all.min, all.max, scheme, powers, options));
      const tried = searchRange({ ...pointsOf(all), width: all.width }, all.min, all.max, scheme, powers, options);
      const exact = lossOf({ values, width: 0 }, scheme, powers);
      return best(finalists(tried).map(({ min, max }) => ({ min, max, loss: exact(min, max) })));
    },
  };
  return observerOf("mse", accumulator, { axis: scheme.axis }, true);
}

/** The full range first, then the best of the rest. */
function finalists(tried: readonly Candidate[]): Candidate[] {
  const order = tried.map((_, i) => i).sort((a, b) => tried[a].loss - tried[b].loss || a - b);
  return [tried[0], ...order.slice(0, FINALISTS).map((i) => tried[i])];
}
