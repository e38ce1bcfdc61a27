import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError, StateError } from "../../src/errors.ts";
import { averaged } from "../../src/quant/observer/averaged.ts";
import { entropy } from "../../src/quant/observer/entropy.ts";
import { histogram } from "../../src/quant/observer/histogram.ts";
import { masked } from "../../src/quant/observer/masked.ts";
import { maxScale } from "../../src/quant/observer/maxScale.ts";
import { minmax } from "../../src/quant/observer/minmax.ts";
import { movingAverage } from "../../src/quant/observer/movingAverage.ts";
import { mse } from "../../src/quant/observer/mse.ts";
import type { Observer } from "../../src/quant/observer/observer.ts";
import { percentile } from "../../src/quant/observer/percentile.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { makeScheme, type Range } from "../../src/quant/scheme.ts";
import { Tensor, tensor } from "../../src/tensor/index.ts";

interface Row {
  readonly name: string;
  readonly make: (axis: number | null) => Observer;
  /** The result may depend on the order of the tensors or of values in them. */
  readonly order?: "sensitive";
  /** Seeing everything twice may change the result. */
  readonly duplication?: "sensitive";
  /** The result may depend on where the stream is cut into tensors. */
  readonly cuts?: "sensitive";
  /** Only marked volumes are read. */
  readonly masked?: true;
}

const scheme = (axis: number | null) => makeScheme({ bits: 4, axis });

/** One line an observer. p = 2 where there is a choice: scaling by a power of two is then exact. */
const observers: readonly Row[] = [
  { name: "minmax", make: (axis) => minmax({ axis }) },
  { name: "movingAverage", make: (axis) => movingAverage({ axis }), order: "sensitive", cuts: "sensitive" },
  {
    name: "movingAverage of percentiles",
    make: (axis) => movingAverage({ of: percentile({ percentile: 90, axis }) }),
    order: "sensitive",
    cuts: "sensitive",
  },
  { name: "averaged minmax", make: (axis) => averaged(minmax({ axis })), cuts: "sensitive" },
  { name: "averaged percentile", make: (axis) => averaged(percentile({ percentile: 90, axis })), cuts: "sensitive" },
  { name: "maxScale", make: (axis) => maxScale({ scheme: scheme(axis) }) },
  { name: "percentile, retained", make: (axis) => percentile({ percentile: 95, axis }), duplication: "sensitive" },
  { name: "percentile, histogram", make: (axis) => percentile({ percentile: 95, retain: 0, bins: 64, axis }), duplication: "sensitive" },
  { name: "percentile, symmetric", make: (axis) => percentile({ percentile: 90, symmetric: true, axis }), duplication: "sensitive" },
  { name: "histogram", make: (axis) => histogram({ scheme: scheme(axis), bins: 64 }) },
  { name: "entropy", make: (axis) => entropy({ scheme: scheme(axis), bins: 64 }) },
  { name: "entropy, few steps", make: (axis) => entropy({ scheme: scheme(axis), bins: 256, steps: 5 }) },
  { name: "mse", make: (axis) => mse({ scheme: scheme(axis), p: 2 }), order: "sensitive", duplication: "sensitive" },
  { name: "masked minmax", make: (axis) => masked(minmax({ axis })), masked: true },
  {
    name: "masked mse",
    make: (axis) => masked(mse({ scheme: scheme(axis), p: 2 })),
    order: "sensitive",
    duplication: "sensitive",
    masked: true,
  },
];

const CHANNELS = 2;
const AREA = 3;
const value = fc.double({ min: -50, max: 50, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : Math.fround(v)));
/** Tensors [1, 2, 3] of a stream. */
const stream = fc.array(fc.array(value, { minLength: CHANNELS * AREA, maxLength: CHANNELS * AREA }), { minLength: 1, maxLength: 6 });
const axes = fc.constantFrom(null, 1);

const pack = (items: readonly (readonly number[])[]): Tensor => tensor(items.flat(), [items.length, CHANNELS, AREA]);
const everything = (n: number): Tensor => new Tensor([n, AREA], "u8", new Uint8Array(n * AREA).fill(1));

function observe(row: Row, axis: number | null, batches: readonly Tensor[]): Range {
  const observer = row.make(axis);
  let state = observer.init();
  for (const x of batches) state = observer.add(state, row.masked ? { x, mask: everything(x.shape[0]) } : { x });
  return observer.result(state);
}

const one = (items: readonly (readonly number[])[]): Tensor[] => items.map((item) => pack([item]));

for (const row of observers) {
  describe(row.name, () => {
    test("declares its order sensitivity", () => {
      expect(row.make(null).orderSensitive).toBe(row.order === "sensitive");
    });

    if (row.order !== "sensitive") {
      test("does not depend on order", () =>
        fc.assert(
          fc.property(stream, axes, (items, axis) => {
            const reversed = items.toReversed().map((item) => [...item.slice(0, AREA).reverse(), ...item.slice(AREA).reverse()]);
            expect(observe(row, axis, one(reversed))).toEqual(observe(row, axis, one(items)));
          }),
        ));
    }

    if (row.duplication !== "sensitive") {
      test("does not depend on duplication", () =>
        fc.assert(
          fc.property(stream, axes, (items, axis) => {
            const twice = items.flatMap((item) => [item, item]);
            const plain = row.order === "sensitive" ? undefined : observe(row, axis, one(items));
            if (plain) expect(observe(row, axis, one(twice))).toEqual(plain);
            else expect(observe(row, axis, one([items[0], items[0]]))).toEqual(observe(row, axis, one([items[0]])));
          }),
        ));
    }

    if (row.cuts !== "sensitive") {
      test("does not depend on how the stream is cut", () =>
        fc.assert(
          fc.property(stream, axes, fc.nat(6), (items, axis, at) => {
            const cut = at % (items.length + 1);
            const batches = [items.slice(0, cut), items.slice(cut)].filter((part) => part.length > 0).map(pack);
            expect(observe(row, axis, batches)).toEqual(observe(row, axis, one(items)));
          }),
        ));
    }

    if (row.make(null).merge) {
      test("merges what two saw into what one would have seen", () =>
        fc.assert(
          fc.property(stream, axes, fc.nat(6), (items, axis, at) => {
            const cut = at % (items.length + 1);
            const observer = row.make(axis);
            const [a, b] = [items.slice(0, cut), items.slice(cut)].map((part) =>
              one(part).reduce((state, x) => observer.add(state, { x }), observer.init()),
            );
            expect(observer.result(observer.merge?.(a, b))).toEqual(observe(row, axis, one(items)));
          }),
        ));
    }

    test("commutes with scaling by powers of two", () =>
      fc.assert(
        fc.property(stream, axes, fc.integer({ min: -10, max: 10 }), (items, axis, k) => {
          const plain = observe(row, axis, one(items));
          const scaled = observe(row, axis, one(items.map((item) => item.map((v) => v * 2 ** k))));
          expect(scaled).toEqual({ min: plain.min.map((v) => v * 2 ** k), max: plain.max.map((v) => v * 2 ** k) });
        }),
      ));

    test("lies within the extremes widened to zero, and keeps zero exact", () =>
      fc.assert(
        fc.property(stream, axes, (items, axis) => {
          const { min, max } = observe(row, axis, one(items));
          const outer = observe(observers[0], axis, one(items));
          const symmetric = row.name.endsWith("symmetric");
          min.forEach((low, c) => {
            const most = Math.max(-outer.min[c], outer.max[c]);
            expect(low).toBeGreaterThanOrEqual(symmetric ? -most : Math.min(outer.min[c], 0));
            expect(max[c]).toBeLessThanOrEqual(symmetric ? most : Math.max(outer.max[c], 0));
            expect(low).toBeLessThanOrEqual(max[c]);
          });
          const format = scheme(axis);
          const x = new Tensor([1, CHANNELS, 1], "f32", new Float32Array(CHANNELS));
          const y = uniformAffine.fakeQuant(x, uniformAffine.init({ min, max }, format), format);
          expect(Array.from(y.data as ArrayLike<number>)).toEqual([0, 0]);
        }),
      ));

    test("per channel is per tensor on every channel", () =>
      fc.assert(
        fc.property(stream, (items) => {
          const together = observe(row, 1, one(items));
          for (let c = 0; c < CHANNELS; c++) {
            const slices = items.map((item) => tensor(item.slice(c * AREA, (c + 1) * AREA), [1, 1, AREA]));
            const apart = observe(row, null, slices);
            expect([together.min[c], together.max[c]]).toEqual([apart.min[0], apart.max[0]]);
          }
        }),
      ));

    test("ignores empty tensors, and has no range of nothing", () =>
      fc.assert(
        fc.property(stream, axes, (items, axis) => {
          const empty = new Tensor([0, CHANNELS, AREA], "f32", new Float32Array(0));
          expect(observe(row, axis, [empty, ...one(items), empty])).toEqual(observe(row, axis, one(items)));
          expect(() => observe(row, axis, [empty])).toThrow(StateError);
        }),
      ));

    test("refuses NaN and infinities", () => {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(() => observe(row, null, one([[0, 1, bad, 2, 3, 4]]))).toThrow(ArgumentError);
      }
    });
  });
}

describe("relations", () => {
  const merged = (a: Range, b: Range): Range => ({
    min: a.min.map((v, c) => Math.min(v, b.min[c])),
    max: a.max.map((v, c) => Math.max(v, b.max[c])),
  });

  test("minmax of a union is the merge", () =>
    fc.assert(
      fc.property(stream, stream, axes, (a, b, axis) => {
        const union = observe(observers[0], axis, one([...a, ...b]));
        expect(union).toEqual(merged(observe(observers[0], axis, one(a)), observe(observers[0], axis, one(b))));
      }),
    ));

  test("percentiles are nested, and 100 % is minmax", () =>
    fc.assert(
      fc.property(
        stream,
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.constantFrom(4, 2 ** 20),
        (items, p, q, retain) => {
          const at = (inside: number): Range =>
            observe({ name: "", make: () => percentile({ percentile: inside, retain, bins: 32 }) }, null, one(items));
          const [small, large, all] = [at(Math.min(p, q)), at(Math.max(p, q)), at(100)];
          expect(small.min[0]).toBeGreaterThanOrEqual(large.min[0]);
          expect(small.max[0]).toBeLessThanOrEqual(large.max[0]);
          expect(all).toEqual(observe(observers[0], null, one(items)));
        },
      ),
    ));

  test("mse is never worse than minmax in the error it searches for", () =>
    fc.assert(
      fc.property(
        stream,
        fc.constantFrom(2, 2.4),
        fc.integer({ min: 2, max: 8 }),
        fc.constantFrom("affine" as const, "symmetricNarrow" as const),
        (items, p, bits, mapping) => {
          const format = makeScheme({ bits, mapping });
          const error = (range: Range): number => {
            const x = tensor(items.flat(), [items.length * CHANNELS * AREA]);
            const y = uniformAffine.fakeQuant(x, uniformAffine.init(range, format), format);
            return items.flat().reduce((sum, v, i) => sum + Math.abs(y.data[i] - v) ** p, 0);
          };
          const searched = error(observe({ name: "", make: () => mse({ scheme: format, p }) }, null, one(items)));
          const plain = error(observe(observers[0], null, one(items)));
          expect(searched).toBeLessThanOrEqual(plain * (1 + 1e-4) + 1e-9);
        },
      ),
    ));
});
