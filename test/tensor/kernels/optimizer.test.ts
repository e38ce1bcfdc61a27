import { describe, test } from "vitest";
import { Rng, randn, type Tensor, tensor, uniform } from "../../../src/tensor/index.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";
import { adamStep, rmspropStep, sgdStep } from "../../../src/tensor/ops/index.ts";
import { expectParity } from "./parity.ts";

const adam = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, amsgrad: false, decoupled: false };
const calls: readonly (readonly [string, AnyOp, attrs: unknown, slots: number, rates: number])[] = [
  ["sgd", sgdStep.def, { momentum: 0, nesterov: false, weightDecay: 0.1 }, 0, 3],
  ["nesterov", sgdStep.def, { momentum: 0.9, nesterov: true, weightDecay: 0 }, 1, 3],
  ["adam", adamStep.def, adam, 2, 3],
  ["adamW", adamStep.def, { ...adam, decoupled: true }, 2, 3],
  ["amsgrad", adamStep.def, { ...adam, amsgrad: true }, 3, 3],
  ["rmsprop", rmspropStep.def, { alpha: 0.99, eps: 1e-8, momentum: 0.5, weightDecay: 0 }, 2, 1],
];

/** Sizes on both sides of a pair of elements and of a piece of work. */
const SIZES = [1, 2, 3, 8191, 8192, 8193, 20_001];

describe("optimisation steps give the bits of the reference", () => {
  test.each(calls)("%s", (_, def, attrs, slots, rates) => {
    const rng = new Rng("optimizer");
    for (const size of SIZES) {
      const [p, g] = [randn([size], rng), randn([size], rng, 1e-3)];
      const doubles = (shape: number[]): Tensor => uniform(shape, rng, 0, 1, "f64");
      expectParity(def, [p, g, doubles([size, slots]), doubles([rates])], attrs);
    }
  });

  test("zeros, infinities and NaN", () => {
    const p = tensor([0, -0, 1, Infinity, Number.NaN, 2 ** -149, 1]);
    const g = tensor([-0, 0, Infinity, 1, 1, 2 ** -149, Number.NaN]);
    for (const [, def, attrs, slots, rates] of calls) {
      const double = (shape: number[], value: number) =>
        tensor(new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape, "f64");
      expectParity(def, [p, g, double([7, slots], 0), double([rates], -0)], attrs);
      expectParity(def, [p, g, double([7, slots], 2), double([rates], 0.5)], attrs);
    }
  });
});
