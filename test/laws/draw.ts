import fc from "fast-check";
import type { Draw } from "../../src/tensor/index.ts";

/** A Draw backed by fast-check, so that what an op samples is replayed by seed and shrinks. */
export function drawWith(g: fc.GeneratorValue, dtype: "f32" | "f64"): Draw {
  return {
    dtype,
    int: (low, high) => g(fc.integer, { min: low, max: high }),
    float: (low, high) => g(fc.double, { min: low, max: high, noNaN: true, noDefaultInfinity: true }),
    bool: () => g(fc.boolean),
    oneOf: (items) => items[g(fc.nat, { max: items.length - 1 })],
  };
}
