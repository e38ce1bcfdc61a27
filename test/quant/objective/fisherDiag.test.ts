import fc from "fast-check";
import { expect, test } from "vitest";
import { fisherDiag, fisherFull } from "../../../src/quant/objective/fisherDiag.ts";
import { mse } from "../../../src/quant/objective/mse.ts";
import { full, item, Rng, randn, type Tensor, zeros } from "../../../src/tensor/index.ts";

const SHAPE = [2, 3, 2, 2];
const cases = fc.integer({ min: 0, max: 10_000 }).map((seed) => {
  const rng = new Rng(seed);
  const draw = (): Tensor => randn(SHAPE, rng, 1, "f64");
  return { y: draw(), yq: draw(), gradient: draw() };
});
const dampings = fc.constantFrom(0, 1, 0.25);

test("with a constant gradient fisherDiag is proportional to mse, damped or not", () =>
  fc.assert(
    fc.property(cases, dampings, fc.constantFrom(-3, 3), ({ y, yq }, damping, g) => {
      const want = (3 + damping) ** 2 * item(mse(y, yq));
      expect(item(fisherDiag(y, yq, full(SHAPE, g, "f64"), { damping }))).toBeCloseTo(want, 8);
    }),
  ));

test("the damping is added to the size of the gradient, so that nothing counts for nothing", () =>
  fc.assert(
    fc.property(cases, dampings, ({ y, yq, gradient }, damping) => {
      let [diag, all] = [0, 0];
      const terms = Array.from(y.data, (v, i) => Math.abs(yq.data[i] - v) * (Math.abs(gradient.data[i]) + damping));
      for (const n of [0, 1]) {
        const own = terms.slice(12 * n, 12 * n + 12);
        diag += own.reduce((s, a) => s + a * a, 0) / 8;
        all += own.reduce((s, a) => s + a, 0) ** 2 / 24;
      }
      expect(item(fisherDiag(y, yq, gradient, { damping }))).toBeCloseTo(diag, 8);
      expect(item(fisherFull(y, yq, gradient, { damping }))).toBeCloseTo(all, 8);
      expect(item(fisherDiag(y, yq, zeros(SHAPE, "f64"), { damping }))).toBeCloseTo(damping ** 2 * item(mse(y, yq)), 8);
    }),
  ));
