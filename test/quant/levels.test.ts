import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile, grad } from "../../src/autograd/index.ts";
import { additiveMagnitudes, additivePowerOfTwo } from "../../src/quant/quantizer/additivePowerOfTwo.ts";
import { fakeQuantLevels } from "../../src/quant/quantizer/levels.ts";
import { type LogAffineOptions, logAffine, refitScale, searchPhase } from "../../src/quant/quantizer/logAffine.ts";
import type { LogAffineParams } from "../../src/quant/quantizer/logAffineTables.ts";
import { powerOfTwo } from "../../src/quant/quantizer/powerOfTwo.ts";
import { SortedMagnitudes } from "../../src/quant/quantizer/sortedMagnitudes.ts";
import { candidateSubsets, fitSubset, searchSubset, subset, UNIVERSAL_MAGNITUDES } from "../../src/quant/quantizer/subset.ts";
import { makeScheme } from "../../src/quant/scheme.ts";
import { item, Rng, randn, sum, Tensor, tensor } from "../../src/tensor/index.ts";
import { rangeOf } from "./integer/plans.ts";

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const f64 = (...values: number[]): Tensor => tensor(values, [values.length], "f64");
const near = (got: readonly number[], want: readonly number[], digits = 9): void => {
  expect(got.length).toBe(want.length);
  got.forEach((g, i) => expect(g).toBeCloseTo(want[i], digits));
};
const signed = (bits: number, axis: number | null = null) => makeScheme({ bits, signed: true, mapping: "symmetricHalf", axis });

describe("levels", () => {
  test("ties go to the lower level; gradients are those of LSQ", () => {
    const params = { scale: f64(0.5), levels: f64(-4, -1, 0, 1, 4) };
    expect(list(fakeQuantLevels(f64(0.25, -0.25, 1.25, 9, -9), params, signed(3)))).toEqual([0, -0.5, 0.5, 2, -2]);
    const of = (x: number) => grad((a, s) => sum(fakeQuantLevels(a, { ...params, scale: s }, signed(3))), [f64(x), f64(0.5)]).map(item);
    near(of(0.4), [1, 1 - 0.8]);
    near(of(1.9), [1, 4 - 3.8]);
    near(of(9), [0, 4]);
    near(of(-9), [0, -4]);
  });

  test("the term sets of 2 to 6 magnitude bits", () => {
    const shares = (bits: number): number[] => additiveMagnitudes(bits).map((m) => m / additiveMagnitudes(bits)[2 ** bits - 1]);
    expect(additiveMagnitudes(1)).toEqual([0, 1]);
    near(shares(2), [0, 1 / 4, 1 / 2, 1]);
    const sums = (...sets: number[][]): number[] => {
      const all = sets.reduce<number[]>((found, set) => found.flatMap((v) => set.map((w) => v + w)), [0]).sort((a, b) => a - b);
      return all.map((v) => v / all[all.length - 1]);
    };
    near(shares(3), sums([0, 1 / 2, 1 / 4, 1 / 16], [0, 1 / 8]));
    near(shares(4), sums([0, 1 / 2, 1 / 8, 1 / 32], [0, 1 / 4, 1 / 16, 1 / 64]));
    for (const bits of [5, 6, 7, 8]) expect(new Set(additiveMagnitudes(bits)).size).toBe(2 ** bits);
  });

  test("start at 3 standard deviations, or the largest magnitude", () => {
    const w = randn([2000], new Rng(1));
    for (const quantizer of [powerOfTwo, additivePowerOfTwo]) {
      const { scale, levels } = quantizer.init(rangeOf(w, null), signed(4), w);
      expect(item(scale) * Math.max(...list(levels))).toBeCloseTo(3, 0);
      const few = quantizer.init({ min: Float64Array.of(-2), max: Float64Array.of(1) }, signed(4));
      expect(item(few.scale) * Math.max(...list(few.levels))).toBeCloseTo(2, 6);
      const positive = quantizer.init({ min: Float64Array.of(0), max: Float64Array.of(6) }, makeScheme({ bits: 4 }));
      expect(positive.levels.data[0]).toBe(0);
      expect(positive.levels.size).toBe(16);
    }
  });

  test("2-bit additive weights are uniform", () => {
    expect(list(additivePowerOfTwo.init({ min: Float64Array.of(-1), max: Float64Array.of(1) }, signed(2)).levels)).toEqual([-1, 0, 1]);
  });
});

describe("the search of a subset", () => {
  const weights = fc.array(
    fc.double({ min: -1, max: 1, noNaN: true }).map((v) => Math.fround(v)),
    { minLength: 1, maxLength: 25 },
  );

  test("the universal set has 15 magnitudes, and as many candidates as the paper counts", () => {
    expect(UNIVERSAL_MAGNITUDES.map((m) => m / 32)).toEqual([
      0, 0.03125, 0.0625, 0.09375, 0.125, 0.1875, 0.25, 0.28125, 0.375, 0.5, 0.53125, 0.5625, 0.625, 0.75, 1,
    ]);
    expect([2, 4, 8].map((size) => [...candidateSubsets(size)].length)).toEqual([105, 1365, 6435]);
  });

  /** The alternation, element by element. */
  function exhaustive(w: readonly number[], magnitudes: readonly number[]): number {
    const levels = magnitudes.map((m) => m / magnitudes[magnitudes.length - 1]);
    let [alpha, loss] = [1, Number.POSITIVE_INFINITY];
    for (let step = 0; step < 1000; step++) {
      const q = w.map((v) => levels.reduce((best, l) => (Math.abs(v - alpha * l) < Math.abs(v - alpha * best) ? l : best)));
      const norm = q.reduce((s, l) => s + l * l, 0);
      alpha = norm > 0 ? q.reduce((s, l, i) => s + l * w[i], 0) / norm : w.reduce((s, v) => s + v, 0) / w.length;
      const next = Math.sqrt(q.reduce((s, l, i) => s + (w[i] - alpha * l) ** 2, 0));
      if (Math.abs(loss - next) < 1e-5) return next;
      loss = next;
    }
    return loss;
  }

  test("sorted sums give what every element gives, and no candidate fits better than the chosen one", () =>
    fc.assert(
      fc.property(weights, fc.constantFrom(2, 3), (ws, bits) => {
        const largest = Math.max(...ws.map(Math.abs));
        fc.pre(largest > 1e-3);
        const w = ws.map((v) => Math.abs(v) / largest);
        const sorted = new SortedMagnitudes(w);
        const chosen = searchSubset(ws, bits);
        const some = [...candidateSubsets(2 ** (bits - 1))];
        for (const magnitudes of bits === 2 ? some : some.filter((_, i) => i % 37 === 0)) {
          const fast = fitSubset(sorted, magnitudes).loss;
          expect(Math.abs(fast - exhaustive(w, magnitudes))).toBeLessThan(1e-4);
          expect(chosen.loss).toBeLessThanOrEqual(fast);
        }
      }),
      { numRuns: 30 },
    ));

  test("fitting alpha never raises the error of an assignment", () =>
    fc.assert(
      fc.property(weights, fc.double({ min: 0.1, max: 2, noNaN: true }), (ws, scale) => {
        const sorted = new SortedMagnitudes(ws);
        const sums = sorted.sums([0, 0.5, 1], [0.25 * scale, 0.75 * scale]);
        if (sums.norm === 0) return;
        expect(sorted.error(sums, sums.dot / sums.norm)).toBeLessThanOrEqual(sorted.error(sums, scale) + 1e-12);
      }),
    ));

  test("what it does not take is refused", () => {
    expect(() => searchSubset([1], 5)).toThrow("subset: bits must be 2, 3 or 4, for there are 15 magnitudes, got 5");
    const range = { min: Float64Array.of(-1), max: Float64Array.of(1) };
    expect(() => subset.init(range, signed(3))).toThrow("subset: init needs the weights, got none");
    expect(() => subset.init(range, makeScheme({ bits: 3 }), tensor([1]))).toThrow("subset: codes must be signed, got [0, 7]");
  });

  test("channels with scales of their own are fitted one by one, however far apart they lie", () =>
    fc.assert(
      fc.property(weights, fc.integer({ min: -12, max: 12 }), (ws, power) => {
        const largest = Math.max(...ws.map(Math.abs));
        fc.pre(largest > 1e-3);
        const ends = (...most: number[]) => ({ min: Float64Array.from(most, (v) => -v), max: Float64Array.from(most) });
        const both = tensor([...ws, ...ws.map((v) => v * 2 ** power)], [2, ws.length]);
        const { scale, levels } = subset.init(ends(largest, largest * 2 ** power), signed(3, 0), both);
        const shares = [...ws, ...ws].map((v) => v / largest);
        expect(list(levels).filter((v) => v > 0)).toEqual(searchSubset(shares, 3).magnitudes.filter((m) => m > 0));
        expect(scale.data[1]).toBe(scale.data[0] * 2 ** power);
      }),
    ));

  test("4 bits search all 6435 sets", () => {
    const w = randn([400], new Rng(3));
    const found = searchSubset(w.data, 4);
    expect(found.magnitudes).toHaveLength(8);
    expect(found.loss).toBeLessThan(searchSubset(w.data, 3).loss);
  });
});

describe("the logarithmic quantizer", () => {
  const at = (k: number, a: number, scale = 1): LogAffineParams => ({
    kappaPositive: f64(Math.log(k)),
    aPositive: f64(a),
    kappaNegative: f64(Math.log(k)),
    aNegative: f64(a),
    mu: f64(0),
    scale: f64(scale),
  });
  // E = 7 is what 4 bits have without a zero.
  const plain: LogAffineOptions = { mode: "exact", zero: false };
  const exact = logAffine(plain);

  test("worked examples", () => {
    near(list(exact.fakeQuant(f64(1, 0.6, 0.3, -0.1, 0.01), at(1, 7), signed(4))), [1, 0.5, 0.25, -0.125, 2 ** -7], 6);
    near(list(exact.fakeQuant(f64(0.6, 0.3, -0.1), at(2, 7), signed(4))), [Math.SQRT1_2, 0.3536, -0.0884], 4);
  });

  test("values in range err by at most 2^(1/(2k)) - 1 of themselves", () =>
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 8, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (k, share) => {
        const x = 2 ** ((share * 7) / k);
        const [y] = list(exact.fakeQuant(f64(x), at(k, 0), signed(4)));
        expect(Math.abs(y - x) / Math.min(x, y)).toBeLessThanOrEqual((2 ** (1 / (2 * k)) - 1) * (1 + 1e-9));
      }),
    ));

  test("shifts with k = 1 and scale 2^-a are the exact grid; shared sides are odd about mu; the zero keeps mu", () =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: -3, max: 9 }),
        (xs, a) => {
          // Ties go to the lower level, so that they are not odd.
          const x = f64(...xs.map((v) => 1.0001 * v).filter((v) => Math.abs(v) > 1e-9), 1.1);
          const params = at(1, a, 2 ** -a);
          for (const zero of [true, false]) {
            const [e, s] = (["exact", "shift"] as const).map((mode) => logAffine({ mode, zero }).fakeQuant(x, params, signed(4)));
            near(list(s), list(e), 6);
            near(
              list(logAffine({ mode: "shift", zero }).fakeQuant(f64(...list(x).map((v) => -v)), params, signed(4))),
              list(s).map((v) => 0 - v),
            );
          }
          const centred = { ...params, mu: f64(0.3) };
          expect(list(logAffine({ mode: "shift" }).fakeQuant(f64(0.3), centred, signed(4)))).toEqual([0.3]);
        },
      ),
    ));

  test("gradients are those of the section: 1 in x inside, (v - e) in k inside, the exponent's end outside", () => {
    const [k, a] = [1.3, 4.2];
    const gradients = (x: number) =>
      grad(
        (w, kappa, shift) => sum(exact.fakeQuant(w, { ...at(k, a), kappaPositive: kappa, aPositive: shift }, signed(4))),
        [f64(x), f64(Math.log(k)), f64(a)],
      ).map(item);
    const v = (x: number): number => k * Math.log2(x) + a;
    for (const x of [0.2, 0.6, 1.5]) {
      const e = Math.round(v(x));
      const level = 2 ** ((e - a) / k);
      // kappa is ln k, so that its gradient is k times that of k.
      near(gradients(x), [1, k * level * (Math.LN2 / k ** 2) * (v(x) - e), 0], 8);
    }
    for (const [x, e] of [
      [99, 7],
      [1e-4, 0],
    ]) {
      const level = 2 ** ((e - a) / k);
      near(gradients(x), [0, (k * -level * Math.LN2 * (e - a)) / k ** 2, (-level * Math.LN2) / k], 8);
    }
    const shift = logAffine({ mode: "shift", zero: false });
    const [dx, ds] = grad((w, scale) => sum(shift.fakeQuant(w, { ...at(1, 2), scale }, signed(4))), [f64(1.1, -0.6, 99), f64(0.3)]);
    near(list(dx), [1, 1, 0]);
    near(list(ds), [4 - 2 + 128]);
  });

  test("shifts start where every level has its own code", () => {
    const scheme = signed(2);
    const shift = logAffine({ mode: "shift" });
    const clipped = tensor([0, -0.125, 0, -0.5]);
    for (const w of [clipped, tensor([8, 2, -0.625, -0.25]), randn([9], new Rng(3))]) {
      for (const quantizer of [shift, logAffine({ mode: "shift", centre: "median" })]) {
        const params = quantizer.init(rangeOf(w, null), scheme, w);
        const codes = Int32Array.of(-2, -1, 0, 1);
        const values = quantizer.dequantize(new Tensor([4], "i32", codes), params, scheme);
        expect(list(quantizer.quantize(values, params, scheme))).toEqual([...codes]);
      }
    }
  });

  test("values all alike stay near themselves in any unit", () => {
    for (const mode of ["exact", "shift"] as const) {
      const quantizer = logAffine({ mode, centre: "median", zero: false });
      fc.assert(
        fc.property(fc.integer({ min: -30, max: 30 }), (power) => {
          const w = tensor([1, 1, 1].map((v) => 1.5 * v * 2 ** power));
          const y = quantizer.fakeQuant(w, quantizer.init(rangeOf(w, null), signed(4), w), signed(4));
          w.data.forEach((v, i) => expect(Math.abs(y.data[i] / v - 1)).toBeLessThan(1e-3));
        }),
      );
    }
  });

  test("searches of phase and scale never raise the error", () => {
    const scheme = signed(4, 0);
    const w = randn([4, 50], new Rng(9));
    const errorOf = (options: LogAffineOptions, params: LogAffineParams): number => {
      const y = logAffine(options).fakeQuant(w, params, scheme);
      return list(w).reduce((s, v, i) => s + (v - y.data[i]) ** 2, 0);
    };
    for (const mode of ["exact", "shift"] as const) {
      const options = { mode };
      const start = logAffine(options).init(rangeOf(w, 0), scheme, w);
      const off =
        mode === "exact"
          ? { ...start, aPositive: tensor(list(start.aPositive).map((v) => v + 0.3)) }
          : { ...start, scale: tensor(list(start.scale).map((s) => 1.4 * s)) };
      const better = mode === "exact" ? searchPhase(w, off, scheme, options) : refitScale(w, off, scheme, options);
      expect(errorOf(options, better)).toBeLessThan(errorOf(options, off));
    }
  });

  test("what it does not take is refused", () => {
    const range = { min: Float64Array.of(-1), max: Float64Array.of(1) };
    expect(() => exact.init(range, signed(4))).toThrow("logAffine-exact: init needs the weights, got none");
    const narrow = makeScheme({ bits: 4, signed: true, mapping: "symmetricNarrow" });
    expect(() => exact.init(range, narrow, tensor([1]))).toThrow("logAffine-exact: codes must be at least 16, got 15 in [-7, 7]");
    expect(() => exact.quantize(tensor([Number.NaN]), at(1, 0), signed(4))).toThrow("logAffine-exact: values must not be NaN");
  });
});

test("all run in recordings that are replayed with other values", () => {
  const scheme = signed(4, 0);
  const w = randn([3, 8], new Rng(2));
  const apot = additivePowerOfTwo.init(rangeOf(w, 0), scheme, w);
  const llaq = logAffine({ mode: "exact" });
  const first = llaq.init(rangeOf(w, 0), scheme, w);
  const runs = [
    (x: Tensor, p: Tensor): Tensor => additivePowerOfTwo.fakeQuant(x, { ...apot, scale: p }, scheme),
    (x: Tensor, p: Tensor): Tensor => llaq.fakeQuant(x, { ...first, kappaPositive: p }, scheme),
  ];
  for (const run of runs) {
    const replay = compile(run);
    for (const seed of [1, 2, 3]) {
      const [x, p] = [randn([3, 8], new Rng(seed)), tensor([0.1, 0.2, 0.1 * seed])];
      expect(list(replay(x, p))).toEqual(list(run(x, p)));
    }
  }
});
