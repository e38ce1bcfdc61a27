import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile, grad } from "../../src/autograd/index.ts";
import { dsq, softStaircase } from "../../src/quant/quantizer/dsq.ts";
import { lsq } from "../../src/quant/quantizer/lsq.ts";
import { pact, pactPenalty } from "../../src/quant/quantizer/pact.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { makeScheme, type Scheme } from "../../src/quant/scheme.ts";
import { item, Rng, randn, roundHalfEven, sum, type Tensor, tensor } from "../../src/tensor/index.ts";

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const f64 = (...values: number[]): Tensor => tensor(values, [values.length], "f64");
const near = (got: readonly number[], want: readonly number[], digits = 9): void => {
  expect(got.length).toBe(want.length);
  got.forEach((g, i) => expect(g).toBeCloseTo(want[i], digits));
};
const signed4 = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf" });
const range = (min: number, max: number) => ({ min: Float64Array.of(min), max: Float64Array.of(max) });
const value = fc.double({ min: -8, max: 8, noNaN: true }).map((v) => (Math.abs(v) < 1e-6 ? 0 : Math.fround(v)));
const values = fc.array(value, { minLength: 1, maxLength: 30 });
const schemes: fc.Arbitrary<Scheme> = fc
  .record({
    bits: fc.integer({ min: 2, max: 8 }),
    mapping: fc.constantFrom("affine" as const, "symmetricNarrow" as const),
    signed: fc.boolean(),
  })
  .map(makeScheme);

describe("LSQ", () => {
  test("worked example: mean |x| 0.2 and Q_P 7 start at 0.1512, and 1000 values slow the gradient by 0.01195", () => {
    const x = tensor(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 0.2 : -0.2)));
    const params = lsq().init(range(-0.2, 0.2), signed4, x);
    expect(item(params.scale)).toBeCloseTo(0.1512, 4);
    const only = tensor(Array.from({ length: 1000 }, (_, i) => (i === 0 ? 50 : 0)));
    const [slope] = grad((s) => sum(lsq().fakeQuant(only, { scale: s, zeroPoint: tensor([0]) }, signed4)), [tensor([0.5])]);
    expect(item(slope)).toBeCloseTo(7 * 0.011952, 4);
  });

  test("counts the values of a channel, not of the tensor", () => {
    const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf", axis: 0 });
    const x = tensor([9, 0, 0, 9], [2, 2], "f64");
    const [slope] = grad((s) => sum(lsq().fakeQuant(x, { scale: s, zeroPoint: f64(0, 0) }, scheme)), [f64(0.5, 0.5)]);
    near(list(slope), [7 / Math.sqrt(14), 7 / Math.sqrt(14)]);
  });

  test("the gradients are those of the surrogate: straight-through, code minus ratio inside, the end outside", () => {
    const g = 1 / Math.sqrt(7);
    const of = (x: number) =>
      grad((a, s) => sum(lsq().fakeQuant(a, { scale: s, zeroPoint: f64(0) }, signed4)), [f64(x), f64(0.5)]).map(item);
    near(of(0.6), [1, -0.2 * g]);
    near(of(0.9), [1, 0.2 * g]);
    near(of(5), [0, 7 * g]);
    near(of(-5), [0, -8 * g]);
  });

  test("LSQ+ learns the zero point where values are clipped only", () => {
    const scheme = makeScheme({ bits: 4 });
    const g = 1 / Math.sqrt(15);
    const of = (x: number) =>
      item(grad((z) => sum(lsq({ zeroPoint: true }).fakeQuant(f64(x), { scale: f64(0.5), zeroPoint: z }, scheme)), [f64(4.2)])[0]);
    near([of(1), of(9), of(-9)], [0, -0.5 * g, -0.5 * g]);
    const away = lsq({ zeroPoint: true }).quantize(tensor([0]), { scale: tensor([1]), zeroPoint: tensor([99]) }, scheme);
    expect(list(away)).toEqual([15]);
  });

  test("a zero point beyond the codes keeps its gradient, so that it can come back", () =>
    fc.assert(
      fc.property(
        schemes,
        fc.double({ min: 0.01, max: 30, noNaN: true }),
        fc.boolean(),
        fc.boolean(),
        (scheme, by, above, clippedAbove) => {
          const z = above ? scheme.qmax + by : scheme.qmin - by;
          const of = (x: number) =>
            item(
              grad((zero) => sum(lsq({ zeroPoint: true }).fakeQuant(f64(x), { scale: f64(0.5), zeroPoint: zero }, scheme)), [f64(z)])[0],
            );
          near([of(clippedAbove ? 1e4 : -1e4)], [-0.5 / Math.sqrt(scheme.qmax)]);
        },
      ),
    ));

  test("a scale that crossed 0 is mirrored, and codes give back what was quantized, bit for bit", () =>
    fc.assert(
      fc.property(
        schemes,
        values,
        fc.boolean(),
        fc.double({ min: 1e-3, max: 2, noNaN: true }),
        fc.boolean(),
        (scheme, xs, plus, s, flip) => {
          const quantizer = lsq({ zeroPoint: plus });
          const x = tensor(xs);
          const start = quantizer.init(range(Math.min(...xs), Math.max(...xs)), scheme, x);
          const params = { ...start, scale: tensor([flip ? -s : s]) };
          const codes = quantizer.quantize(x, params, scheme);
          for (const q of list(codes)) expect(q >= scheme.qmin && q <= scheme.qmax).toBe(true);
          expect(list(quantizer.dequantize(codes, params, scheme))).toEqual(list(quantizer.fakeQuant(x, params, scheme)));
        },
      ),
    ));
});

describe("PACT", () => {
  const unsigned = makeScheme({ bits: 4 });

  test("alpha learns from the values at or above it, x from those between", () => {
    const [dx, da] = grad(
      (x, alpha) => sum(pact().fakeQuant(x, { alpha, negativeAlpha: f64(0) }, unsigned)),
      [f64(-1, 0.4, 2, 3, 7), f64(3)],
    );
    near(list(dx), [0, 1, 1, 0, 0]);
    near(list(da), [2]);
  });

  test("the lower end of signed inputs learns like alpha", () => {
    const [dx, da, dn] = grad(
      (x, alpha, negativeAlpha) => sum(pact().fakeQuant(x, { alpha, negativeAlpha }, signed4)),
      [f64(-9, -0.5, 0.5, 9), f64(3), f64(-2)],
    );
    near(list(dx), [0, 1, 1, 0]);
    near([item(da), item(dn)], [1, 1]);
  });

  test("starts at the end of the range, or where it is told to", () => {
    expect(list(pact().init(range(-1, 5), unsigned).alpha)).toEqual([5]);
    expect(list(pact({ alpha: 6 }).init(range(-1, 5), signed4).negativeAlpha)).toEqual([-6]);
    expect(item(pactPenalty({ alpha: tensor([3]), negativeAlpha: tensor([-1]) }, 0.5))).toBeCloseTo(2.5, 6);
  });

  const power = fc.integer({ min: -40, max: 40 }).map((e) => 2 ** e);
  const signedSchemes = schemes.map((scheme) => makeScheme({ ...scheme, signed: true }));
  const ends = (xs: readonly number[], c = 1) => range(c * Math.min(...xs), c * Math.max(...xs));

  test("a range in other units starts the same clip in those units, for powers of two exactly", () =>
    fc.assert(
      fc.property(signedSchemes, values, power, (scheme, xs, c) => {
        fc.pre(xs.some((v) => v !== 0));
        const fitted = (unit: number) =>
          list(pact().fakeQuant(tensor(xs.map((v) => unit * v)), pact().init(ends(xs, unit), scheme), scheme));
        expect(fitted(c)).toEqual(fitted(1).map((v) => c * v));
      }),
    ));

  test("values of a range below 0 survive to within a step", () =>
    fc.assert(
      fc.property(signedSchemes, values, power, (scheme, xs, c) => {
        const x = tensor(xs.map((v) => -c * Math.abs(v)));
        const params = pact().init(ends(list(x)), scheme);
        fc.pre(list(x).some((v) => v < 0));
        const step = -Math.min(...list(x)) / (scheme.qmax - scheme.qmin);
        list(pact().fakeQuant(x, params, scheme)).forEach((v, i) => expect(Math.abs(v - x.data[i])).toBeLessThan(0.8 * step));
      }),
    ));

  test("ends that start at 0, or crossed it, can come back", () => {
    const { alpha, negativeAlpha } = pact().init(range(-3, 0), signed4);
    const [up] = grad((a) => sum(pact().fakeQuant(tensor([1, 2]), { alpha: a, negativeAlpha }, signed4)), [alpha]);
    expect(item(up)).toBe(2);
    const [down] = grad((n) => sum(pact().fakeQuant(f64(-9, -0.5, 0.5), { alpha: f64(3), negativeAlpha: n }, signed4)), [f64(0.1)]);
    expect(item(down)).toBe(2);
  });

  test("codes give back what was quantized bit for bit; it is monotone and idempotent but for a clip between codes", () =>
    fc.assert(
      fc.property(schemes, values, values, (scheme, xs, ys) => {
        const params = pact().init(range(Math.min(...xs), Math.max(...xs)), scheme);
        const y = tensor(ys.toSorted((a, b) => a - b));
        const once = pact().fakeQuant(y, params, scheme);
        expect(list(pact().dequantize(pact().quantize(y, params, scheme), params, scheme))).toEqual(list(once));
        list(once).forEach((v, i) => i > 0 && expect(v).toBeGreaterThanOrEqual(once.data[i - 1]));
        expect(list(pact().quantize(once, params, scheme))).toEqual(list(pact().quantize(y, params, scheme)));
      }),
    ));
});

describe("DSQ", () => {
  test("the soft staircase meets whole numbers and halves, and rises", () =>
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.49, noNaN: true }), fc.integer({ min: -20, max: 20 }), (alpha, i) => {
        near(list(softStaircase(f64(i, i + 0.5), alpha)), [i, i + 0.5], 9);
        const steps = list(softStaircase(f64(...Array.from({ length: 50 }, (_, j) => i + j / 20)), alpha));
        steps.forEach((v, j) => j > 0 && expect(v).toBeGreaterThan(steps[j - 1]));
      }),
    ));

  test("its slope is t k / (2 cosh^2), in x and against the ratio in the scale", () => {
    const alpha = 0.4;
    const [t, k] = [1 / (1 - alpha), Math.log(2 / alpha - 1)];
    for (const x of [0.6, 0.9, -1.3]) {
      const v = x / 0.5;
      const slope = (0.5 * t * k) / Math.cosh(k * (v - Math.floor(v) - 0.5)) ** 2;
      const got = grad((a, s) => sum(dsq({ alpha }).fakeQuant(a, { scale: s, zeroPoint: f64(0) }, signed4)), [f64(x), f64(0.5)]).map(item);
      near(got, [slope, Math.round(v) - slope * v]);
    }
    const beyond = grad((a, s) => sum(dsq().fakeQuant(a, { scale: s, zeroPoint: f64(0) }, signed4)), [f64(5), f64(0.5)]).map(item);
    near(beyond, [0, 7]);
  });

  test("beyond the ends the scale gets LSQ's gradient, also with a zero point between codes, and no value is too large", () =>
    fc.assert(
      fc.property(
        schemes,
        fc.nat(100),
        fc.double({ min: 0.1, max: 1, noNaN: true }).map(Math.fround),
        fc.boolean(),
        fc.boolean(),
        (scheme, hundredths, scale, above, huge) => {
          const { qmin, qmax } = scheme;
          const zeroPoint = tensor([qmin + (hundredths / 100) * (qmax - qmin)]);
          const x = tensor([(above ? 1 : -1) * (huge ? 3e38 : 1e3)]);
          const slopes = (of: (s: Tensor) => Tensor): number => item(grad((s) => sum(of(s)), [tensor([scale])])[0]);
          const soft = (s: Tensor): Tensor => dsq().fakeQuant(x, { scale: s, zeroPoint }, scheme);
          const steps = (above ? qmax : qmin) - roundHalfEven(item(zeroPoint));
          expect(slopes(soft)).toBe(steps);
          expect(slopes((s) => uniformAffine.fakeQuant(x, { scale: s, zeroPoint }, scheme))).toBe(steps);
          expect(item(soft(tensor([scale])))).toBe(Math.fround(steps * scale));
        },
      ),
      { examples: [[makeScheme({ bits: 4 }), 28, 0.5, true, true]] },
    ));

  test("alpha must lie in (0, 0.5)", () => {
    expect(() => dsq({ alpha: 0.5 })).toThrow("dsq: alpha must lie in (0, 0.5), got 0.5");
  });
});

test("all run in recordings that are replayed with other values", () => {
  const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf", axis: 0 });
  const step = (seed: number) => [randn([3, 8], new Rng(seed)), tensor([0.1, 0.2 + seed / 10, 0.3])] as const;
  for (const quantizer of [lsq(), lsq({ zeroPoint: true }), dsq()]) {
    const run = (x: Tensor, scale: Tensor): Tensor => quantizer.fakeQuant(x, { scale, zeroPoint: tensor([0, 1, -1]) }, scheme);
    const replay = compile(run);
    for (const seed of [1, 2, 3]) expect(list(replay(...step(seed)))).toEqual(list(run(...step(seed))));
  }
});
