import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applySite, emptyPlan, withLevels } from "../../src/quant/plan.ts";
import { additivePowerOfTwo } from "../../src/quant/quantizer/additivePowerOfTwo.ts";
import type { LevelQuantizer } from "../../src/quant/quantizer/levels.ts";
import { type LogAffineOptions, logAffine } from "../../src/quant/quantizer/logAffine.ts";
import { powerOfTwo } from "../../src/quant/quantizer/powerOfTwo.ts";
import { subset } from "../../src/quant/quantizer/subset.ts";
import { makeScheme, type Scheme } from "../../src/quant/scheme.ts";
import { Tensor, tensor } from "../../src/tensor/index.ts";
import { rangeOf } from "../quant/integer/plans.ts";

type AnyParams = Readonly<Record<string, Tensor>>;

/** One row a quantizer of weights; `bits` are the ones it takes. */
interface Row {
  readonly quantizer: LevelQuantizer<AnyParams>;
  readonly bits: readonly number[];
  /** Whether it maps to the nearest level on a linear scale. */
  readonly nearest: boolean;
  /** Whether both sides of 0 share their levels. */
  readonly odd: boolean;
}

const llaq = (options: LogAffineOptions): LevelQuantizer<AnyParams> =>
  ({ ...logAffine(options), name: Object.values(options).join(" ") }) as unknown as LevelQuantizer<AnyParams>;

const rows: readonly Row[] = [
  { quantizer: powerOfTwo as unknown as LevelQuantizer<AnyParams>, bits: [2, 3, 4, 5, 6, 7, 8], nearest: true, odd: true },
  { quantizer: additivePowerOfTwo as unknown as LevelQuantizer<AnyParams>, bits: [2, 3, 4, 5, 6, 7, 8], nearest: true, odd: true },
  { quantizer: subset as unknown as LevelQuantizer<AnyParams>, bits: [2, 3], nearest: true, odd: true },
  { quantizer: llaq({ mode: "exact" }), bits: [2, 3, 4, 5, 6, 7, 8], nearest: false, odd: false },
  { quantizer: llaq({ mode: "exact", zero: false, centre: "median" }), bits: [2, 4, 8], nearest: false, odd: false },
  { quantizer: llaq({ mode: "shift" }), bits: [2, 3, 4, 5, 6, 7, 8], nearest: false, odd: true },
];

const value = fc.double({ min: -4, max: 4, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : Math.fround(v)));
/** Weights [C, n], and a per-channel choice. */
const weights = fc
  .record({ channels: fc.integer({ min: 1, max: 3 }), inner: fc.integer({ min: 1, max: 12 }), perChannel: fc.boolean() })
  .chain(({ channels, inner, perChannel }) =>
    fc
      .array(value, { minLength: channels * inner, maxLength: channels * inner })
      .map((list) => ({ x: tensor(list, [channels, inner]), axis: perChannel ? 0 : null })),
  );

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const schemeOf = (bits: number, axis: number | null): Scheme => makeScheme({ bits, signed: true, mapping: "symmetricHalf", axis });
const other = (x: Tensor, ys: readonly number[]): Tensor =>
  tensor(
    list(x).map((v, i) => Math.fround(v * 0.7 + ys[i % ys.length])),
    x.shape,
  );
const negated = (x: Tensor): Tensor =>
  tensor(
    list(x).map((v) => -v),
    x.shape,
  );

for (const { quantizer, bits: all, nearest, odd } of rows) {
  const bits = fc.constantFrom(...all);
  /** Parameters from one tensor, and another tensor to quantize with them. */
  const law = (check: (at: { x: Tensor; y: Tensor; params: AnyParams; scheme: Scheme }) => void): void =>
    fc.assert(
      fc.property(bits, weights, fc.array(value, { minLength: 1, maxLength: 9 }), (b, { x, axis }, ys) => {
        const scheme = schemeOf(b, axis);
        check({ x, y: other(x, ys), params: quantizer.init(rangeOf(x, axis), scheme, x), scheme });
      }),
      { numRuns: quantizer.name === "subset" ? 20 : (fc.readConfigureGlobal().numRuns ?? 100) },
    );

  describe(quantizer.name, () => {
    test("dequantize after quantize is fakeQuant, bit for bit, and codes are in [qmin, qmax]", () =>
      law(({ y, params, scheme }) => {
        const codes = quantizer.quantize(y, params, scheme);
        for (const q of list(codes)) expect(q >= scheme.qmin && q <= scheme.qmax).toBe(true);
        expect(list(quantizer.dequantize(codes, params, scheme))).toEqual(list(quantizer.fakeQuant(y, params, scheme)));
      }));

    test("is idempotent, monotone and has at most 2^bits levels a channel", () =>
      law(({ y, params, scheme }) => {
        const once = quantizer.fakeQuant(y, params, scheme);
        // A tie of the encoder may round twice; a grid value never lies on one.
        expect(list(quantizer.fakeQuant(once, params, scheme))).toEqual(list(once));
        const n = y.shape[1];
        for (let c = 0; c < y.shape[0]; c++) {
          const pairs = list(y)
            .slice(c * n, (c + 1) * n)
            .map((v, i) => [v, once.data[c * n + i]]);
          pairs.sort((a, b) => a[0] - b[0]);
          pairs.forEach(([, q], i) => i > 0 && expect(q).toBeGreaterThanOrEqual(pairs[i - 1][1]));
          expect(new Set(pairs.map(([, q]) => q)).size).toBeLessThanOrEqual(2 ** scheme.bits);
        }
      }));

    test("as a plan writes it, its grid keeps every code and value", () =>
      law(({ y, params, scheme }) => {
        const plan = withLevels(emptyPlan, "w", y, { quantizer, params, scheme });
        const [site, tuned] = [plan.weights.get("w")!, plan.tuned.get("w")!];
        expect(list(applySite(tuned, site))).toEqual(list(tuned));
        expect(list(tuned)).toEqual(list(quantizer.fakeQuant(y, params, scheme)));
        if (nearest) expect(list(applySite(y, site))).toEqual(list(tuned));
      }));

    test("is the same for a permuted tensor", () =>
      law(({ x, params, scheme }) => {
        const [channels, n] = x.shape;
        const turned = (v: Tensor): Tensor =>
          tensor(
            Array.from({ length: channels }, (_, c) =>
              list(v)
                .slice(c * n, (c + 1) * n)
                .reverse(),
            ).flat(),
            x.shape,
          );
        const again = quantizer.init(rangeOf(turned(x), scheme.axis), scheme, turned(x));
        list(again.scale).forEach((s, c) => expect(Math.abs(s - params.scale.data[c])).toBeLessThanOrEqual(1e-6 * Math.abs(s)));
        expect(list(turned(quantizer.fakeQuant(turned(x), params, scheme)))).toEqual(list(quantizer.fakeQuant(x, params, scheme)));
      }));

    test("per channel equals per tensor on every slice", () =>
      law(({ y, params, scheme }) => {
        if (scheme.axis === null) return;
        const n = y.shape[1];
        const together = list(quantizer.fakeQuant(y, params, scheme));
        const apart = Array.from({ length: y.shape[0] }, (_, c) => {
          const own = Object.fromEntries(Object.entries(params).map(([key, p]) => [key, key === "levels" ? p : tensor([p.data[c]])]));
          return list(quantizer.fakeQuant(tensor(list(y).slice(c * n, (c + 1) * n), [n]), own, { ...scheme, axis: null }));
        });
        expect(together).toEqual(apart.flat());
      }));

    if (odd)
      test("is odd but for ties", () =>
        law(({ y, params, scheme }) => {
          const [plus, minus] = [quantizer.fakeQuant(y, params, scheme), quantizer.fakeQuant(negated(y), params, scheme)];
          list(y).forEach((v, i) => {
            const tie = v === 0 || Math.abs(Math.abs(plus.data[i] - v) - Math.abs(minus.data[i] + v)) <= 1e-6 * Math.abs(v);
            if (plus.data[i] !== 0 - minus.data[i]) expect(tie, `${v} to ${plus.data[i]} and ${minus.data[i]}`).toBe(true);
          });
        }));

    if (nearest)
      test("no level is nearer", () =>
        law(({ y, params, scheme }) => {
          const { scale, levels } = quantizer.grid(params, scheme);
          const q = quantizer.fakeQuant(y, params, scheme);
          list(y).forEach((v, i) => {
            const s = scale.data[scale.size === 1 ? 0 : Math.floor(i / y.shape[1])];
            const least = Math.min(...list(levels).map((l) => Math.abs(l * s - v)));
            expect(Math.abs(q.data[i] - v)).toBeLessThanOrEqual(least + 1e-6 * Math.max(Math.abs(v), s));
          });
        }));
  });
}

describe("commuting with scale", () => {
  for (const { quantizer, bits } of rows.filter((r) => r.nearest))
    test(`${quantizer.name}: powers of two multiply values and keep codes`, () =>
      fc.assert(
        fc.property(fc.constantFrom(...bits), weights, fc.integer({ min: -6, max: 6 }), (b, { x, axis }, power) => {
          fc.pre(list(x).some((v) => v !== 0));
          const scheme = schemeOf(b, axis);
          const [one, two] = [1, 2 ** power].map((factor) => {
            const w = tensor(
              list(x).map((v) => v * factor),
              x.shape,
            );
            return list(quantizer.quantize(w, quantizer.init(rangeOf(w, axis), scheme, w), scheme));
          });
          expect(two).toEqual(one);
        }),
        { numRuns: quantizer.name === "subset" ? 15 : 60 },
      ));

  test("a logarithmic encoder moves its a by k log2 of the factor", () =>
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 6 }), weights, fc.integer({ min: -6, max: 6 }), (b, { x, axis }, power) => {
        const quantizer = logAffine({ mode: "exact" });
        const scheme = schemeOf(b, axis);
        const first = quantizer.init(rangeOf(x, axis), scheme, x);
        const moved = (a: Tensor, kappa: Tensor): Tensor => tensor(list(a).map((v, c) => v - Math.exp(kappa.data[c]) * power));
        const second = {
          ...first,
          aPositive: moved(first.aPositive, first.kappaPositive),
          aNegative: moved(first.aNegative, first.kappaNegative),
        };
        const scaled = tensor(
          list(x).map((v) => v * 2 ** power),
          x.shape,
        );
        const [one, two] = [quantizer.quantize(x, first, scheme), quantizer.quantize(scaled, second, scheme)].map(list);
        const y = quantizer.fakeQuant(x, first, scheme);
        // Thresholds are rounded: a value that lies on one may take either code.
        one.forEach((q, i) => {
          if (q !== two[i]) {
            const k = Math.exp(
              (x.data[i] < 0 ? first.kappaNegative : first.kappaPositive).data[axis === null ? 0 : Math.floor(i / x.shape[1])],
            );
            const v = Math.abs(Math.log2(Math.abs(y.data[i] / x.data[i])) * k);
            expect(y.data[i] === 0 || Math.abs(v - 0.5) < 1e-2, `${x.data[i]} to ${y.data[i]}`).toBe(true);
          }
        });
      }),
    ));
});

test("a channel of zeros gets a scale", () => {
  for (const { quantizer, bits } of rows) {
    const x = new Tensor([2, 3], "f32", Float32Array.of(0, 0, 0, 1, -2, 0.5));
    const scheme = schemeOf(bits[0], 0);
    const params = quantizer.init(rangeOf(x, 0), scheme, x);
    for (const s of list(params.scale)) expect(s >= 2 ** -126).toBe(true);
  }
});
