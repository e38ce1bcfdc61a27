import { describe, expect, test } from "vitest";
import { count, emptyBins, fixedBins, merge } from "../../src/quant/observer/bins.ts";
import { histogram } from "../../src/quant/observer/histogram.ts";
import type { Observer } from "../../src/quant/observer/observer.ts";
import { makeScheme, type Range } from "../../src/quant/scheme.ts";
import { Rng, randn, type Tensor } from "../../src/tensor/index.ts";

const observe = (observer: Observer, x: Tensor): Range => observer.result(observer.add(observer.init(), { x }));
const ends = ({ min, max }: Range): [number, number][] => Array.from(min, (v, c) => [v, max[c]]);

describe("histograms of a known range", () => {
  test("keep their bins and count what lies beyond at the ends", () => {
    const bins = fixedBins(8, -1, 1);
    count(bins, Float64Array.of(-5, -0.9, 0, 0.1, 5), 0, 5, -5, 5);
    expect([bins.counts.at(0), bins.counts.at(-1), bins.zeros, bins.total, bins.width]).toEqual([2, 1, 1, 5, 0.5]);
    expect([bins.min, bins.max]).toEqual([-5, 5]);
    expect(() => fixedBins(8, 1, 1)).toThrow("histogram: range must be finite with min < max, got [1, 1]");
  });

  test("merge on the same bins only", () => {
    const [a, b] = [fixedBins(8, -1, 1), fixedBins(8, -1, 1)];
    count(a, Float64Array.of(0.3), 0, 1, 0.3, 0.3);
    count(b, Float64Array.of(0.3, 0.8), 0, 2, 0.3, 0.8);
    expect(merge(a, b).counts.reduce((s, n) => s + n, 0)).toBe(3);
    expect(() => merge(fixedBins(8, -1, 1), fixedBins(8, -2, 2))).toThrow("merged histograms must have the same bins or both grow");
    expect(() => merge(emptyBins(8), fixedBins(8, -2, 2))).toThrow("merged histograms");
  });

  test("find the range that growing ones find", () => {
    const scheme = makeScheme({ bits: 4 });
    const x = randn([20_000], new Rng(4));
    const [[low, high]] = ends(observe(histogram({ scheme, range: { min: -6, max: 6 } }), x));
    const [[wantLow, wantHigh]] = ends(observe(histogram({ scheme }), x));
    expect([low, high]).toEqual([wantLow, wantHigh]);
  });
});
