import type { Scheme } from "../scheme.ts";
import type { Extremes } from "./minmax.ts";
import { minmax } from "./minmax.ts";
import type { Observer, PerChannel } from "./observer.ts";

/**
 * Min-max with both ends multiplied by (b + 2) / 8 at b bits: fewer bits, more clipping, without looking at the values.
 *
 * Source: BRECQ, scale_method "max_scale". Departure: above 6 bits the range is min-max, never wider.
 */
export function maxScale({ scheme }: { readonly scheme: Scheme }): Observer<PerChannel<Extremes>> {
  const factor = Math.min(1, (scheme.bits + 2) / 8);
  const whole = minmax({ axis: scheme.axis });
  return {
    ...whole,
    name: "maxScale",
    result(state) {
      const { min, max } = whole.result(state);
      return { min: min.map((v) => v * factor), max: max.map((v) => v * factor) };
    },
  };
}
