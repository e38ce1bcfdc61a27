import { type Granularity, type Observer, observerOf, type PerChannel } from "./observer.ts";

/** Smallest and largest value of a channel so far. */
export type Extremes = { min: number; max: number };

/** The exact range of everything seen; independent of order and duplication. */
export function minmax(options: Granularity = {}): Observer<PerChannel<Extremes>> {
  return observerOf<Extremes>(
    "minmax",
    {
      init: () => ({ min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }),
      addRun(kept, _data, _start, _end, min, max) {
        if (min < kept.min) kept.min = min;
        if (max > kept.max) kept.max = max;
      },
      result: (kept) => (kept.min <= kept.max ? kept : undefined),
    },
    options,
  );
}
