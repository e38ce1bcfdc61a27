import { kernelPolicy, type Tensor } from "../../tensor/index.ts";
import { markedExtremes } from "../kernels/extremes.ts";
import { type Granularity, type Observer, observerOf, type PerChannel } from "./observer.ts";

/** Smallest and largest value of a channel so far. */
export type Extremes = { min: number; max: number };

const nothing = (): Extremes => ({ min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY });

function widen(kept: Extremes, min: number, max: number): void {
  if (min < kept.min) kept.min = min;
  if (max > kept.max) kept.max = max;
}

/** The exact range of everything seen; independent of order and duplication. Definition: the least and the largest value seen. */
export function minmax(options: Granularity = {}): Observer<PerChannel<Extremes>> {
  const { axis = null } = options;
  const observer = observerOf<Extremes>(
    "minmax",
    {
      init: nothing,
      addRun: (kept, _data, _start, _end, min, max) => widen(kept, min, max),
      merge: (kept, { min, max }) => {
        widen(kept, min, max);
        return kept;
      },
      result: (kept) => (kept.min <= kept.max ? kept : undefined),
    },
    options,
  );
  return {
    ...observer,
    addMarked(state, x, marks) {
      const ends = axis === null || axis === 1 ? endsOf(x, marks) : undefined;
      if (!ends) return undefined;
      const { channels } = state;
      const count = axis === null ? 1 : ends.length / 2;
      if (channels.length === 0) for (let c = 0; c < count; c++) channels.push(nothing());
      if (channels.length !== count) return undefined;
      for (let c = 0; 2 * c < ends.length; c++) widen(channels[axis === null ? 0 : c], ends[2 * c], ends[2 * c + 1]);
      return state;
    },
  };
}

/** Ends of the marked volumes by channel, smallest first; undefined where only `add` can tell, or refuse. */
function endsOf({ shape, data }: Tensor, marks: ArrayLike<number>): Float32Array | undefined {
  if (shape[0] !== 1 || !(data instanceof Float32Array) || kernelPolicy() === "reference") return undefined;
  const ends = markedExtremes(data, marks.length, marks);
  return ends?.some(Number.isNaN) ? undefined : ends;
}
