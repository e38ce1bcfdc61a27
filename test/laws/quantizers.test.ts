import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { adaround } from "../../src/quant/quantizer/adaround.ts";
import { dsq } from "../../src/quant/quantizer/dsq.ts";
import { lsq } from "../../src/quant/quantizer/lsq.ts";
import type { Quantizer } from "../../src/quant/quantizer/quantizer.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { chooseQParams, makeScheme, type QParams, type Range, type Scheme } from "../../src/quant/scheme.ts";
import { cast, type Tensor, tensor } from "../../src/tensor/index.ts";

/** One line a quantizer. `pointwise`: the code of a value depends on the value alone. */
const quantizers: readonly { quantizer: Quantizer<QParams>; pointwise: boolean }[] = [
  { quantizer: uniformAffine, pointwise: true },
  { quantizer: dsq(), pointwise: true },
  { quantizer: lsq({ zeroPoint: true }), pointwise: true },
  { quantizer: adaround as unknown as Quantizer<QParams>, pointwise: false },
];

const schemes: fc.Arbitrary<Scheme> = fc
  .record({
    bits: fc.constantFrom(2, 3, 4, 5, 6, 7, 8, 16),
    mapping: fc.constantFrom("affine" as const, "symmetricNarrow" as const, "symmetricHalf" as const),
    signed: fc.boolean(),
  })
  .map(makeScheme);

const value = fc.double({ min: -8, max: 8, noNaN: true }).map((v) => (Math.abs(v) < 1e-6 ? 0 : Math.fround(v)));
const values = fc.array(value, { minLength: 1, maxLength: 40 });
const power = fc.integer({ min: -12, max: 12 }).map((k) => 2 ** k);

const rangeOf = (xs: readonly number[]): Range => ({ min: Float64Array.of(Math.min(...xs)), max: Float64Array.of(Math.max(...xs)) });
const row = (xs: readonly number[]): Tensor => tensor(xs, [xs.length]);
const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);

/** The hard grid value of every x, and the parameters used. */
function setUp(quantizer: Quantizer<QParams>, scheme: Scheme, xs: readonly number[]) {
  const x = row(xs);
  const params = quantizer.init(rangeOf(xs), scheme, x);
  const codes = quantizer.quantize(x, params, scheme);
  return { x, params, codes, y: quantizer.dequantize(codes, params, scheme), s: params.scale.data[0], z: params.zeroPoint.data[0] };
}

for (const { quantizer, pointwise } of quantizers) {
  describe(quantizer.name, () => {
    test("codes are integers in [qmin, qmax] and give at most 2^bits values", () =>
      fc.assert(
        fc.property(schemes, values, (scheme, xs) => {
          const { codes, y } = setUp(quantizer, scheme, xs);
          for (const q of list(codes)) expect(Number.isInteger(q) && q >= scheme.qmin && q <= scheme.qmax).toBe(true);
          expect(new Set(list(y)).size).toBeLessThanOrEqual(2 ** scheme.bits);
        }),
      ));

    test("inside the range nothing moves by more than one step", () =>
      fc.assert(
        fc.property(schemes, values, (scheme, xs) => {
          const { x, y, s } = setUp(quantizer, scheme, xs);
          list(x).forEach((v, i) => expect(Math.abs(y.data[i] - v)).toBeLessThanOrEqual(s * (1 + 1e-4) + Math.abs(v) * 2 ** -22));
        }),
      ));

    test("is the same for a permuted tensor", () =>
      fc.assert(
        fc.property(schemes, values, (scheme, xs) => {
          const forward = setUp(quantizer, scheme, xs);
          const backward = setUp(quantizer, scheme, xs.toReversed());
          expect(list(backward.codes).reverse()).toEqual(list(forward.codes));
        }),
      ));

    if (pointwise) {
      gridLaws(quantizer);
      invarianceLaws(quantizer);
    }
  });
}

type FakeQuant = (x: Tensor, params: QParams, scheme: Scheme) => number[];

const fakeQuantOf =
  (quantizer: Quantizer<QParams>): FakeQuant =>
  (x, params, scheme) =>
    list(quantizer.fakeQuant(x, params, scheme));

/** What the grid of a pointwise quantizer reaches, and by how much it errs. */
function gridLaws(quantizer: Quantizer<QParams>): void {
  const fq = fakeQuantOf(quantizer);

  test("dequantize after quantize is fakeQuant, bit for bit", () =>
    fc.assert(
      fc.property(schemes, values, values, (scheme, xs, ys) => {
        const { params } = setUp(quantizer, scheme, xs);
        const x = row(ys);
        const through = quantizer.dequantize(quantizer.quantize(x, params, scheme), params, scheme);
        expect(fq(x, params, scheme)).toEqual(list(through));
      }),
    ));

  test("is idempotent and monotone", () =>
    fc.assert(
      fc.property(schemes, values, (scheme, xs) => {
        const sorted = xs.toSorted((a, b) => a - b);
        const { params } = setUp(quantizer, scheme, sorted);
        const once = quantizer.fakeQuant(row(sorted), params, scheme);
        expect(fq(once, params, scheme)).toEqual(list(once));
        list(once).forEach((v, i) => i > 0 && expect(v).toBeGreaterThanOrEqual(once.data[i - 1]));
      }),
    ));

  test("errs by at most half a step where codes reach, and saturates beyond", () =>
    fc.assert(
      fc.property(schemes, values, fc.double({ min: 0, max: 1, noNaN: true }), (scheme, xs, share) => {
        const { params, s, z } = setUp(quantizer, scheme, xs);
        const low = s * (scheme.qmin - z);
        const high = s * (scheme.qmax - z);
        const wide = { scale: cast(params.scale, "f64"), zeroPoint: cast(params.zeroPoint, "f64") };
        const inside = low + share * (high - low);
        const [y, top, bottom] = fq(tensor([inside, high + share * 100, low - share * 100], [3], "f64"), wide, scheme);
        expect(Math.abs(y - inside)).toBeLessThanOrEqual((s / 2) * (1 + 1e-6));
        expect(top).toBe(high);
        expect(bottom).toBe(low);
      }),
    ));

  test("keeps zero exact and reconstructs the ends of the range", () =>
    fc.assert(
      fc.property(schemes, values, (scheme, xs) => {
        const { params, s } = setUp(quantizer, scheme, xs);
        const { min, max } = rangeOf(xs);
        const ends = [Math.min(min[0], 0), Math.max(max[0], 0)];
        const [zero, low, high] = fq(row([0, ...ends]), params, scheme);
        expect(zero).toBe(0);
        const bound = (scheme.mapping === "affine" ? s : s / 2) * (1 + 1e-6) + Math.max(high, -low) * 2 ** -22;
        expect(Math.abs(low - ends[0])).toBeLessThanOrEqual(bound);
        expect(Math.abs(high - ends[1])).toBeLessThanOrEqual(bound);
      }),
    ));
}

/** What a pointwise quantizer commutes with, and what more bits are worth. */
function invarianceLaws(quantizer: Quantizer<QParams>): void {
  const fq = fakeQuantOf(quantizer);

  test("commutes with scaling by powers of two", () =>
    fc.assert(
      fc.property(schemes, values, power, (scheme, xs, a) => {
        fc.pre(xs.some((v) => v !== 0));
        const plain = setUp(quantizer, scheme, xs);
        const scaled = setUp(
          quantizer,
          scheme,
          xs.map((v) => v * a),
        );
        expect(scaled.s).toBe(plain.s * a);
        expect(scaled.z).toBe(plain.z);
        expect(fq(scaled.x, scaled.params, scheme)).toEqual(fq(plain.x, plain.params, scheme).map((v) => v * a));
      }),
    ));

  test("narrow symmetric commutes with negation", () =>
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.boolean(), values, (bits, signed, xs) => {
        const scheme = makeScheme({ bits, signed, mapping: "symmetricNarrow" });
        const { params } = setUp(quantizer, scheme, xs);
        const negated = fq(row(xs.map((v) => -v)), params, scheme);
        expect(negated).toEqual(fq(row(xs), params, scheme).map((v) => 0 - v));
      }),
    ));

  test("per channel equals per tensor on every slice", () =>
    fc.assert(
      fc.property(
        schemes,
        fc.array(fc.tuple(value, value, value, value), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 1),
        (scheme, rows, axis) => {
          const perChannel = { ...scheme, axis };
          const range = { min: Float64Array.from(rows, (r) => Math.min(...r)), max: Float64Array.from(rows, (r) => Math.max(...r)) };
          const params = quantizer.init(range, perChannel);
          const whole = axis === 0 ? tensor(rows.flat(), [rows.length, 4]) : tensor(rows.flat(), [1, rows.length, 2, 2]);
          const together = fq(whole, params, perChannel);
          const apart = rows.flatMap((r, c) => {
            const own = { scale: tensor([params.scale.data[c]]), zeroPoint: tensor([params.zeroPoint.data[c]]) };
            return fq(row(r), own, scheme);
          });
          expect(together).toEqual(apart);
        },
      ),
    ));

  test("one more bit never raises the least squared error over scales and zero points", () =>
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), values, (bits, xs) => {
        expect(leastError(quantizer, bits + 1, xs)).toBeLessThanOrEqual(leastError(quantizer, bits, xs));
      }),
    ));
}

/** Least sum of squares over a fixed ladder of scales and every zero point. */
function leastError(quantizer: Quantizer<QParams>, bits: number, xs: readonly number[]): number {
  const scheme = makeScheme({ bits });
  const x = row(xs);
  let least = Number.POSITIVE_INFINITY;
  for (let k = -4; k < 4; k++) {
    for (let z = scheme.qmin; z <= scheme.qmax; z++) {
      const y = quantizer.fakeQuant(x, { scale: tensor([2 ** (k / 2)]), zeroPoint: tensor([z]) }, scheme);
      const error = list(y).reduce((sum, v, i) => sum + (v - x.data[i]) ** 2, 0);
      least = Math.min(least, error);
    }
  }
  return least;
}

describe("parameters", () => {
  const anyRange = fc.array(
    fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ noNaN: true, noDefaultInfinity: true })),
    {
      minLength: 1,
      maxLength: 5,
    },
  );

  test("never a zero, subnormal or non-finite scale, and a zero point among the codes", () =>
    fc.assert(
      fc.property(schemes, anyRange, fc.boolean(), (scheme, pairs, tiny) => {
        const shrink = (v: number): number => (tiny ? v * 1e-300 : Math.max(-3e38, Math.min(3e38, v)));
        const range = {
          min: Float64Array.from(pairs, (p) => shrink(Math.min(...p))),
          max: Float64Array.from(pairs, (p) => shrink(Math.max(...p))),
        };
        const { params } = chooseQParams(range, scheme);
        for (const s of list(params.scale)) expect(s >= 2 ** -126 && s < Number.POSITIVE_INFINITY).toBe(true);
        for (const z of list(params.zeroPoint)) expect(Number.isInteger(z) && z >= scheme.qmin && z <= scheme.qmax).toBe(true);
      }),
    ));
});
