import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { averaged } from "../../src/quant/observer/averaged.ts";
import { count, emptyBins, pointsOf, quantile } from "../../src/quant/observer/bins.ts";
import { histogram } from "../../src/quant/observer/histogram.ts";
import { masked } from "../../src/quant/observer/masked.ts";
import { maxScale } from "../../src/quant/observer/maxScale.ts";
import { minmax } from "../../src/quant/observer/minmax.ts";
import { movingAverage } from "../../src/quant/observer/movingAverage.ts";
import { mse } from "../../src/quant/observer/mse.ts";
import type { Observer } from "../../src/quant/observer/observer.ts";
import { percentile } from "../../src/quant/observer/percentile.ts";
import { power, powersOf } from "../../src/quant/observer/power.ts";
import { emptyReservoir, kept, offer } from "../../src/quant/observer/reservoir.ts";
import { best, lossOf, searchRange } from "../../src/quant/observer/search.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { chooseQParams, makeScheme, type Range } from "../../src/quant/scheme.ts";
import { Rng, randn, Tensor, tensor } from "../../src/tensor/index.ts";

const observe = (observer: Observer, ...xs: Tensor[]): Range =>
  observer.result(xs.reduce((s, x) => observer.add(s, { x }), observer.init()));
const ends = ({ min, max }: Range): [number, number][] => Array.from(min, (v, c) => [v, max[c]]);

/** -1, -0.9 ... 1 and one value at 8. */
const withFarPoint = tensor([...Array.from({ length: 21 }, (_, i) => (i - 10) / 10), 8]);

describe("masked", () => {
  const x = tensor(
    [
      [
        [1, 2, 30],
        [-4, 5, -60],
      ],
      [
        [7, 80, 9],
        [-10, 11, 12],
      ],
    ],
    [2, 2, 3],
  );
  const marks = [1, 1, 0, 0, 0, 1];

  test.each([[[2, 3]], [[2, 1, 3]]])("reads marked volumes only, mask %j", (shape) => {
    const mask = tensor(marks, shape, "u8");
    for (const [axis, want] of [
      [null, [[-4, 12]]],
      [
        1,
        [
          [1, 9],
          [-4, 12],
        ],
      ],
    ] as const) {
      const observer = masked(minmax({ axis }));
      expect(ends(observer.result(observer.add(observer.init(), { x, mask })))).toEqual(want);
    }
  });

  test("skips a sample without marks and refuses one without a mask", () => {
    const observer = masked(minmax());
    const none = tensor([0, 0, 0, 0, 0, 0], [2, 3], "u8");
    expect(() => observer.result(observer.add(observer.init(), { x, mask: none }))).toThrow(
      "minmax: needs at least one element before result, got none",
    );
    expect(() => observer.add(observer.init(), { x })).toThrow("masked: every sample needs a mask, got none");
    expect(() => observer.add(observer.init(), { x, mask: tensor([1, 1], [2], "u8") })).toThrow(
      "masked: mask must be [N,...] or [N,1,...]",
    );
  });
});

test("movingAverage starts at the first tensor and blends the rest", () => {
  const range = observe(movingAverage({ averagingConstant: 0.25 }), tensor([0, 4]), tensor([-4, 8]));
  expect(ends(range)).toEqual([[-1, 5]]);
  expect(() => movingAverage({ averagingConstant: 0 })).toThrow("movingAverage: averagingConstant must be in (0, 1], got 0");
});

describe("errors name the observer, the value and the place", () => {
  test("not finite", () => {
    expect(() => observe(minmax(), tensor([[1, Number.NaN]]))).toThrow("minmax: values must be finite, got NaN (element 1 of f32[1,2])");
  });
  test("integers, axes and channel counts", () => {
    expect(() => observe(minmax(), tensor([1, 2], [2], "i32"))).toThrow("minmax: x must be f32 or f64, got i32");
    expect(() => observe(minmax({ axis: 1 }), tensor([1, 2]))).toThrow("minmax: axis must be below the rank 1, got 1");
    expect(() => observe(minmax({ axis: 0 }), tensor([1, 2]), tensor([1]))).toThrow("minmax: every tensor must have 2 channels, got 1");
  });
  test("nothing seen", () => {
    expect(() => observe(percentile())).toThrow("percentile: needs at least one element before result, got none");
  });
  test("percentiles out of order", () => {
    expect(() => percentile({ low: 60, high: 40 })).toThrow(
      "percentile: percentiles must satisfy 0 <= low <= high <= 100, got low 60, high 40",
    );
  });
});

describe("bins", () => {
  const data = fc.array(fc.float({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 50 });
  const fill = (runs: readonly number[][], size: number) => {
    const bins = emptyBins(size);
    for (const run of runs) if (run.length > 0) count(bins, Float64Array.from(run), 0, run.length, Math.min(...run), Math.max(...run));
    return bins;
  };

  test("count everything once, whatever the growth", () =>
    fc.assert(
      fc.property(data, data, fc.integer({ min: 2, max: 64 }), (a, b, size) => {
        const bins = fill([a, b], size);
        const { weights } = pointsOf(bins);
        expect(weights.reduce((s, w) => s + w, bins.zeros)).toBe(a.length + b.length);
        expect(bins.total).toBe(a.length + b.length);
        expect(bins).toEqual(fill([b.toReversed(), a], size));
      }),
    ));

  test("quantiles lie within a bin of the exact ones", () =>
    fc.assert(
      fc.property(data, fc.double({ min: 0, max: 1, noNaN: true }), (xs, q) => {
        const bins = fill([xs], 256);
        const sorted = xs.toSorted((a, b) => a - b);
        const place = Math.min(xs.length - 1, Math.max(0, Math.ceil(q * xs.length) - 1));
        expect(Math.abs(quantile(bins, q) - sorted[place])).toBeLessThanOrEqual(bins.width + 1e-12);
      }),
    ));
});

describe("reservoir", () => {
  test("keeps a uniform sample", () => {
    const sums = new Float64Array(1000);
    for (let seed = 0; seed < 400; seed++) {
      const reservoir = emptyReservoir(50, new Rng(seed));
      offer(
        reservoir,
        Float64Array.from({ length: 1000 }, (_, i) => i),
        0,
        1000,
      );
      for (const v of kept(reservoir)) sums[v]++;
    }
    // 400 * 50 / 1000 = 20 a value; four standard deviations of the means over 100 neighbours
    for (let i = 0; i < 1000; i += 100) {
      const mean = sums.subarray(i, i + 100).reduce((s, v) => s + v, 0) / 100;
      expect(Math.abs(mean - 20)).toBeLessThan(4 * Math.sqrt(20 / 100));
    }
  });

  test("does not care how the stream is cut", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(200), { maxLength: 5 }), (length, cuts) => {
        const data = Float64Array.from({ length }, (_, i) => i);
        const whole = emptyReservoir(8, new Rng(1));
        offer(whole, data, 0, length);
        const parts = emptyReservoir(8, new Rng(1));
        const stops = [0, ...cuts.filter((c) => c < length).sort((a, b) => a - b), length];
        for (let i = 1; i < stops.length; i++) offer(parts, data, stops[i - 1], stops[i]);
        expect(kept(parts)).toEqual(kept(whole));
      }),
    ));
});

test("power agrees with ** to 1e-5", () =>
  fc.assert(
    fc.property(fc.double({ min: 1e-30, max: 1e30, noNaN: true }), fc.constantFrom(2, 2.4, 3.5), (x, p) => {
      expect(Math.abs(power(x, powersOf(p)) / x ** p - 1)).toBeLessThan(1e-5);
      expect(power(0, powersOf(p))).toBe(0);
    }),
  ));

describe("search", () => {
  test("the loss is that of the quantizer", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(2, 2.4, 3),
        fc.integer({ min: 2, max: 8 }),
        fc.double({ min: 0.2, max: 1, noNaN: true }),
        (p, bits, shrink) => {
          const scheme = makeScheme({ bits });
          const x = randn([200], new Rng(bits), 1);
          const [min, max] = [-3 * shrink, 2.5 * shrink];
          const { params } = chooseQParams({ min: Float64Array.of(min), max: Float64Array.of(max) }, scheme);
          const y = uniformAffine.fakeQuant(x, params, scheme);
          let want = 0;
          for (let i = 0; i < x.size; i++) want += Math.abs(y.data[i] - x.data[i]) ** p;
          const got = lossOf({ values: Float64Array.from(x.data), width: 0 }, scheme, powersOf(p))(min, max);
          expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-4 * want);
        },
      ),
    ));

  test("min-max comes first, one-sided data move one end only", () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => i / 10);
    const tried = searchRange({ values, width: 0 }, 0, 9.9, makeScheme({ bits: 3 }), powersOf(2.4));
    expect([tried[0].min, tried[0].max]).toEqual([0, 9.9]);
    expect(tried.every((c) => c.min === 0)).toBe(true);
    expect(best(tried).loss).toBeLessThanOrEqual(tried[0].loss);
  });

  test("worked example: under the squared error a single far point keeps the range open", () => {
    const scheme = makeScheme({ bits: 4 });
    const [[, max]] = ends(observe(mse({ scheme, p: 2 }), withFarPoint));
    expect(max).toBeGreaterThan(4);
  });
});

describe("mse", () => {
  test("clips heavy tails at 4 bits and is close to the best shrink found exactly", () => {
    const scheme = makeScheme({ bits: 4, mapping: "symmetricNarrow", signed: true });
    const x = randn([200_000], new Rng(7));
    const [[low, high]] = ends(observe(mse({ scheme, p: 2 }), x));
    // the optimum of a 15-level uniform grid on a standard normal is a clip near 2.6
    expect(high).toBeGreaterThan(2.2);
    expect(high).toBeLessThan(3);
    expect(low).toBeCloseTo(-high, 0);
  });

  test("the histogram alone comes as near at 8 bits", () => {
    const scheme = makeScheme({ bits: 8 });
    const x = randn([100_000], new Rng(8));
    const error = (observer: Observer): number => {
      const y = uniformAffine.fakeQuant(x, chooseQParams(observe(observer, x), scheme).params, scheme);
      let sum = 0;
      for (let i = 0; i < x.size; i++) sum += (y.data[i] - x.data[i]) ** 2;
      return sum;
    };
    expect(error(histogram({ scheme }))).toBeLessThan(1.03 * error(mse({ scheme, p: 2, retain: 200_000 })));
  });

  test("the same seed gives the same range", () => {
    const scheme = makeScheme({ bits: 4, axis: 1 });
    const xs = [1, 2, 3].map((s) => randn([1, 3, 40, 40], new Rng(s)));
    expect(observe(mse({ scheme, seed: 3 }), ...xs)).toEqual(observe(mse({ scheme, seed: 3 }), ...xs));
  });
});

test("percentile: symmetric cuts magnitudes", () => {
  const x = new Tensor([5], "f64", Float64Array.of(-10, 1, 2, -3, 4));
  expect(ends(observe(percentile({ percentile: 75, symmetric: true }), x))).toEqual([[-4, 4]]);
});

test("averaged takes the mean of per-tensor ranges, maxScale a share of min-max", () => {
  const xs = [tensor([-1, 3]), tensor([-3, 9])];
  expect(ends(observe(averaged(minmax()), ...xs))).toEqual([[-2, 6]]);
  expect(ends(observe(maxScale({ scheme: makeScheme({ bits: 4 }) }), ...xs))).toEqual([[-2.25, 6.75]]);
  expect(ends(observe(maxScale({ scheme: makeScheme({ bits: 8 }) }), ...xs))).toEqual([[-3, 9]]);
  expect(() => observe(averaged(minmax({ axis: 0 })), tensor([1, 2]), tensor([1]))).toThrow(
    "averaged(minmax): every tensor must have 2 channels, got 1",
  );
});
