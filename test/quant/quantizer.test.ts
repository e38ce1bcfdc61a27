import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/autograd/index.ts";
import { adaround, betaAt, roundingRegularizer, softRounding } from "../../src/quant/quantizer/adaround.ts";
import { codeDType } from "../../src/quant/quantizer/codes.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { makeScheme, type Scheme } from "../../src/quant/scheme.ts";
import { item, Rng, randn, sum, type Tensor, tensor } from "../../src/tensor/index.ts";

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const signed4 = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf" });

describe("uniformAffine", () => {
  const params = (scale: number, zeroPoint: number) => ({ scale: tensor([scale]), zeroPoint: tensor([zeroPoint]) });

  test("worked example: range [-1, 2] at 4 bits", () => {
    const scheme = makeScheme({ bits: 4 });
    const p = { scale: tensor([0.2], [1], "f64"), zeroPoint: tensor([5], [1], "f64") };
    const x = tensor([-1.2, 0.1, 0.3, 1.95, 2.3], [5], "f64"); // in double 0.3 / 0.2 lies just below the tie
    expect(list(uniformAffine.quantize(x, p, scheme))).toEqual([0, 5, 6, 15, 15]);
    list(uniformAffine.fakeQuant(x, p, scheme)).forEach((v, i) => expect(v).toBeCloseTo([-1, 0, 0.2, 2, 2][i], 6));
  });

  test("worked example: straight-through and scale gradients", () => {
    const gradients = (x: number) =>
      grad((a, s) => sum(uniformAffine.fakeQuant(a, { scale: s, zeroPoint: tensor([0]) }, signed4)), [tensor([x]), tensor([0.5])]).map(
        item,
      );
    const near = (got: number[], want: number[]) => got.forEach((g, i) => expect(g).toBeCloseTo(want[i], 5));
    near(gradients(0.6), [1, -0.2]);
    near(gradients(0.9), [1, 0.2]);
    near(gradients(5), [0, 7]);
    near(gradients(-5), [0, -8]);
  });

  test("codes take the smallest integer type", () => {
    expect(codeDType(makeScheme({ bits: 8 }))).toBe("u8");
    expect(codeDType(makeScheme({ bits: 8, signed: true }))).toBe("i8");
    expect(codeDType(makeScheme({ bits: 4 }))).toBe("i8");
    expect(codeDType(makeScheme({ bits: 16 }))).toBe("i32");
  });

  test("infinities saturate and NaN is refused", () => {
    const x = tensor([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38]);
    expect(list(uniformAffine.quantize(x, params(0.5, 0), signed4))).toEqual([7, -8, 7]);
    expect(() => uniformAffine.quantize(tensor([1, Number.NaN]), params(0.5, 0), signed4)).toThrow(
      "quantize: values must not be NaN, got NaN (element 1 of f32[2])",
    );
  });

  test("parameters must fit the axis", () => {
    const scheme: Scheme = makeScheme({ bits: 4, axis: 0 });
    const p = { scale: tensor([1, 1, 1]), zeroPoint: tensor([0, 0, 0]) };
    expect(() => uniformAffine.quantize(tensor([[1], [2]]), p, scheme)).toThrow(
      "quantize: scale and zeroPoint must have 2 entries, got scale [3]",
    );
  });
});

describe("adaround", () => {
  const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricNarrow", axis: 0 });
  const w = randn([3, 20], new Rng(4));
  const channel = (c: number): number[] => list(w).slice(c * 20, (c + 1) * 20);
  const rows = [0, 1, 2].map(channel);
  const range = { min: Float64Array.from(rows, (r) => Math.min(...r)), max: Float64Array.from(rows, (r) => Math.max(...r)) };

  test("starts at the float weights", () => {
    const soft = adaround.fakeQuant(w, adaround.init(range, scheme, w), scheme);
    list(soft).forEach((v, i) => expect(v).toBeCloseTo(w.data[i], 5));
  });

  test("hardened at once it is the nearest rounding", () => {
    const params = adaround.init(range, scheme, w);
    expect(list(adaround.quantize(w, params, scheme))).toEqual(list(uniformAffine.quantize(w, params, scheme)));
  });

  test("soft weights lie between the two codes around each weight, hard ones are one of them", () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
        const params = { ...adaround.init(range, scheme, w), rounding: randn(w.shape, new Rng(seed), 4) };
        const soft = adaround.fakeQuant(w, params, scheme);
        const codes = adaround.quantize(w, params, scheme);
        for (let i = 0; i < w.size; i++) {
          const s = params.scale.data[Math.floor(i / 20)];
          const down = Math.floor(w.data[i] / s);
          const [low, high] = [Math.max(-7, Math.min(7, down)), Math.max(-7, Math.min(7, down + 1))];
          expect(soft.data[i]).toBeGreaterThanOrEqual(s * low - 1e-6);
          expect(soft.data[i]).toBeLessThanOrEqual(s * high + 1e-6);
          expect([low, high]).toContain(codes.data[i]);
        }
      }),
    ));

  test("init needs the weights", () => {
    expect(() => adaround.init(range, scheme)).toThrow("adaround: init needs the weights, got none");
  });

  test("the regulariser is 0 for decided weights, their number for undecided ones, and worked values between", () => {
    expect(item(roundingRegularizer(tensor([-9, 9, 9]), 20))).toBe(0);
    expect(item(roundingRegularizer(tensor([0, 0, 0]), 20))).toBeCloseTo(3, 6);
    // h = 0.9
    const v = tensor([-Math.log(1.2 / (0.9 + 0.1) - 1)], [1], "f64");
    expect(item(softRounding(v))).toBeCloseTo(0.9, 12);
    for (const [beta, want] of [
      [20, 0.9885],
      [8, 0.8322],
      [2, 0.36],
    ])
      expect(item(roundingRegularizer(v, beta))).toBeCloseTo(want, 4);
  });

  test("beta holds, then falls from 20 to 2", () => {
    const at = (rel: number, shape: "linear" | "cosine") => betaAt(200 + rel * 800, { total: 1000, shape });
    expect(betaAt(0, { total: 1000 })).toBe(20);
    expect([0, 0.25, 0.5, 0.75, 1].map((r) => at(r, "linear"))).toEqual([20, 15.5, 11, 6.5, 2]);
    [20, 17.36, 11, 4.64, 2].forEach((want, i) => expect(at(i / 4, "cosine")).toBeCloseTo(want, 2));
  });
});
