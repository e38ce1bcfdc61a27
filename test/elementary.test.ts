import fc from "fast-check";
import { expect, test } from "vitest";
import { cos, exp, log, log1p, normalDensity, normalDistribution, sin, tanh } from "../src/elementary.ts";
import { erf, tensor } from "../src/tensor/index.ts";

/** Both are within 1 ulp of the truth, so they are at most 2 apart. */
function expectClose(got: number, want: number, ulps: number): void {
  if (!Number.isFinite(want) || want === 0) expect(got).toBe(want);
  else expect(Math.abs(got - want)).toBeLessThanOrEqual(Math.max(ulps * Number.EPSILON * Math.abs(want), Number.MIN_VALUE));
}

function expectNear(got: number, want: number): void {
  expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-15);
}

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });

test("exp, log and log1p are those of the runtime within 2 ulp, at every size", () => {
  fc.assert(fc.property(between(-750, 712), (x) => expectClose(exp(x), Math.exp(x), 2)));
  fc.assert(fc.property(between(-1, 1), (x) => expectClose(exp(x), Math.exp(x), 2)));
  fc.assert(fc.property(between(0, Number.MAX_VALUE), (x) => expectClose(log(x), Math.log(x), 2)));
  fc.assert(fc.property(between(0.5, 2), (x) => expectClose(log(x), Math.log(x), 2)));
  fc.assert(fc.property(between(-0.999, 10), (x) => expectClose(log1p(x), Math.log1p(x), 4)));
});

test("exp, log and log1p keep the special values", () => {
  expect([exp(0), exp(-Infinity), exp(Infinity), exp(Number.NaN)]).toEqual([1, 0, Infinity, Number.NaN]);
  expect([log(1), log(0), log(Infinity), log(-1), log(Number.NaN)]).toEqual([0, -Infinity, Infinity, Number.NaN, Number.NaN]);
  expect([log1p(0), log1p(1e-300), log1p(-1)]).toEqual([0, 1e-300, -Infinity]);
});

test("sin and cos are those of the runtime within 1e-15", () => {
  fc.assert(fc.property(between(-100, 100), (x) => expectNear(sin(x), Math.sin(x))));
  fc.assert(fc.property(between(-100, 100), (x) => expectNear(cos(x), Math.cos(x))));
  expect([sin(0), cos(0)]).toEqual([0, 1]);
});

test("tanh is that of the runtime within 4 ulp, at every size", () => {
  fc.assert(fc.property(between(-1, 1), (x) => expectClose(tanh(x), Math.tanh(x), 5)));
  fc.assert(fc.property(between(-800, 800), (x) => expectClose(tanh(x), Math.tanh(x), 5)));
  expect([tanh(0), tanh(-Infinity), tanh(Infinity), tanh(Number.NaN)]).toEqual([0, -1, 1, Number.NaN]);
});

test("the normal distribution is its table, its mirror image and the error function's", () => {
  const table: readonly (readonly [number, number])[] = [
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1, 0.15865525393145705],
    [-2.9999, 0.0013503412829549239],
    [-3, 0.0013498980316300946],
    [-5, 2.866515718791939e-7],
    [-10, 7.61985302416053e-24],
    [-37, 5.725571222524577e-300],
  ];
  for (const [x, want] of table) expect(Math.abs(normalDistribution(x) / want - 1)).toBeLessThan(1e-13);
  fc.assert(
    fc.property(between(-8, 8), (x) => {
      expectNear(normalDistribution(x) + normalDistribution(-x), 1);
      expectNear(normalDistribution(x), 0.5 + 0.5 * erf(tensor([x * Math.SQRT1_2], undefined, "f64")).data[0]);
      expectNear(normalDensity(x), Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI));
    }),
  );
  expect([-Infinity, Infinity, Number.NaN].map(normalDistribution)).toEqual([0, 1, Number.NaN]);
});

test("the bits are the written ones, on any engine", () => {
  expect([exp(1.25), log(3.5), log1p(-0.3), sin(2.5), cos(4.75)]).toEqual([
    3.4903429574618414, 1.252762968495368, -0.3566749439387324, 0.5984721441039564, 0.03760215288797655,
  ]);
});
