import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyBins, count as fill } from "../../src/quant/observer/bins.ts";
import { divergences, entropy, klDivergence } from "../../src/quant/observer/entropy.ts";
import { minmax } from "../../src/quant/observer/minmax.ts";
import type { Observer } from "../../src/quant/observer/observer.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { makeScheme, type Range } from "../../src/quant/scheme.ts";
import { tensor } from "../../src/tensor/index.ts";

const value = fc.double({ min: -50, max: 50, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : Math.fround(v)));
const observe = (observer: Observer, items: readonly number[]): Range =>
  observer.result(observer.add(observer.init(), { x: tensor([...items]) }));

describe("divergences", () => {
  const counts = fc.array(fc.nat(20), { minLength: 1, maxLength: 40 }).filter((p) => p.some((n) => n > 0));

  test("a divergence is never negative, and 0 between equals", () =>
    fc.assert(
      fc.property(counts, fc.infiniteStream(fc.integer({ min: 1, max: 20 })), fc.integer({ min: 1, max: 9 }), (p, more, times) => {
        expect(
          klDivergence(
            p,
            p.map(() => more.next().value),
          ),
        ).toBeGreaterThanOrEqual(0);
        expect(klDivergence(p, p)).toBe(0);
        expect(
          klDivergence(
            p,
            p.map((n) => n * times),
          ),
        ).toBeLessThan(1e-12);
      }),
    ));

  /** KL(P||Q) of a candidate by the definition: bin by bin, code by code. */
  function divergenceByBins(values: readonly number[], width: number, [min, max]: readonly [number, number], bits: number): number {
    const format = makeScheme({ bits });
    const bins = new Map<number, number>();
    for (const v of values) if (v !== 0) bins.set(Math.floor(v / width), (bins.get(Math.floor(v / width)) ?? 0) + 1);
    const { scale, zeroPoint } = uniformAffine.init({ min: Float64Array.of(min), max: Float64Array.of(max) }, format);
    const keys = [...bins.keys()].sort((a, b) => a - b);
    const [low, high] = [
      min < 0 ? Math.max(keys[0], Math.floor(min / width)) : keys[0],
      max > 0 && max < Math.max(...values) ? Math.min(keys.at(-1)!, Math.ceil(max / width) - 1) : keys.at(-1)!,
    ];
    const places = Array.from({ length: high - low + 1 }, (_, i) => low + i);
    const own = places.map((k) => bins.get(k) ?? 0);
    const beyond = (test: (k: number) => boolean): number => keys.filter(test).reduce((n, k) => n + (bins.get(k) ?? 0), 0);
    const p = [...own];
    p[0] += beyond((k) => k < low);
    p[p.length - 1] += beyond((k) => k > high);
    const centres = tensor(
      places.map((k) => (k + 0.5) * width),
      [places.length],
      "f64",
    );
    const codes = uniformAffine.quantize(
      centres,
      { scale: tensor([...scale.data], [1], "f64"), zeroPoint: tensor([...zeroPoint.data], [1], "f64") },
      format,
    ).data;
    const q = own.map((n, i) => {
      const together = own.filter((m, j) => m > 0 && codes[j] === codes[i]);
      return n > 0 ? together.reduce((a, m) => a + m, 0) / together.length : 0;
    });
    const missing = p.filter((n, i) => n > 0 && own[i] === 0).length;
    const total = q.reduce((a, n) => a + n, 0);
    return klDivergence(
      p,
      q.map((n, i) => (p[i] > 0 && own[i] === 0 ? 1e-4 : (n * (1 - missing * 1e-4)) / total)),
    );
  }

  test("the divergences that entropy compares are those of the definition, the full range first", () =>
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 60 }), fc.constantFrom(2, 3, 4), (values, bits) => {
        fc.pre(values.some((v) => v !== 0));
        const bins = emptyBins(64);
        fill(bins, Float64Array.from(values), 0, values.length, Math.min(...values), Math.max(...values));
        const tried = divergences(bins, makeScheme({ bits }), 256);
        expect([tried[0].min, tried[0].max]).toEqual([Math.min(...values, 0), Math.max(...values, 0)]);
        for (const [i, { min, max, divergence }] of tried.entries()) {
          // A largest value on the edge of its bin counts as clipped by the range that ends there.
          if (divergence === Number.POSITIVE_INFINITY || (i > 0 && max === tried[0].max && Number.isInteger(max / bins.width))) continue;
          expect(divergence).toBeCloseTo(divergenceByBins(values, bins.width, [min, max], bits), 9);
        }
      }),
    ));

  test("entropy keeps a bin a code at least", () =>
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (items) => {
        const { min, max } = observe(entropy({ scheme: makeScheme({ bits: 4 }), bins: 64 }), items);
        const outer = observe(minmax(), items);
        const whole = Math.max(outer.max[0], 0) - Math.min(outer.min[0], 0);
        expect(max[0] - min[0]).toBeGreaterThanOrEqual(Math.min(whole, (16 / 64 - 2 / 64) * (outer.max[0] - outer.min[0])) * (1 - 1e-12));
      }),
    ));
});
