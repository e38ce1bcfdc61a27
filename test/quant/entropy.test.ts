import { describe, expect, test } from "vitest";
import { entropy } from "../../src/quant/observer/entropy.ts";
import type { Observer } from "../../src/quant/observer/observer.ts";
import { makeScheme, type Range } from "../../src/quant/scheme.ts";
import { Rng, randn, Tensor, tensor } from "../../src/tensor/index.ts";

const observe = (observer: Observer, ...xs: Tensor[]): Range =>
  observer.result(xs.reduce((s, x) => observer.add(s, { x }), observer.init()));
const ends = ({ min, max }: Range): [number, number][] => Array.from(min, (v, c) => [v, max[c]]);

describe("entropy", () => {
  const scheme = makeScheme({ bits: 8 });
  const normal = randn([100_000], new Rng(3));

  test("clips a normal distribution at a few standard deviations, and a lone far value away", () => {
    const [[low, high]] = ends(observe(entropy({ scheme }), normal));
    expect([low, high].map(Math.abs).every((v) => v > 2.5 && v < 5)).toBe(true);
    const [[, far]] = ends(observe(entropy({ scheme }), normal, tensor([40])));
    expect(far).toBeLessThan(20);
  });

  test("is no min-max: there are candidates with the default bins", () => {
    const [[, high]] = ends(observe(entropy({ scheme: makeScheme({ bits: 4 }) }), normal));
    expect(high).toBeLessThan(0.95 * Math.max(...normal.data));
  });

  test("does not see exact zeros, however many", () => {
    const rectified = tensor(Array.from(normal.data, (v) => Math.max(v, 0)));
    const zeros = new Tensor([500_000], "f32", new Float32Array(500_000));
    expect(observe(entropy({ scheme }), rectified, zeros)).toEqual(observe(entropy({ scheme }), rectified));
    expect(ends(observe(entropy({ scheme }), zeros))).toEqual([[0, 0]]);
  });

  test("gives one-sided data one end, and symmetric formats their range", () => {
    const positive = tensor(Array.from(normal.data, Math.abs));
    expect(ends(observe(entropy({ scheme }), positive))[0][0]).toBe(0);
    expect(() => entropy({ scheme, steps: 0 })).toThrow("entropy: steps must be an integer >= 1, got 0");
    const signed = makeScheme({ bits: 8, mapping: "symmetricNarrow", signed: true });
    expect(ends(observe(entropy({ scheme: signed }), normal))[0][1]).toBeLessThan(5);
  });
});
