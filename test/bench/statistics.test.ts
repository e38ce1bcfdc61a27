import { expect, test } from "vitest";
import { disagreement, sampleOf } from "../../bench/solver.ts";
import { digits, medianOf, overRounds, timeRatio } from "../../bench/statistics.ts";

const round = (median: number, best = median) => ({ median, best });

test("the median of an even count lies between the two middle values", () => {
  expect(medianOf([4, 1, 3])).toBe(3);
  expect(medianOf([4, 1, 3, 2])).toBe(2.5);
  expect(medianOf([])).toBeNaN();
});

test("rounds come down to the median of their medians and the best of all", () => {
  expect(overRounds([round(3, 2), round(9, 1), round(4, 4)])).toEqual({ median: 4, best: 1 });
});

test("a ratio is taken within rounds, so that a slow round does not move it", () => {
  expect(timeRatio([round(2), round(20), round(2)], [round(1), round(10), round(1)])).toBe(2);
});

test("rounds that one of the two was spared do not count", () => {
  expect(timeRatio([round(6), null, null], [round(2), round(1), round(1)])).toBe(3);
  expect(timeRatio([], [round(1)])).toBeUndefined();
});

test("figures keep four digits", () => {
  expect(digits(1234.56)).toBe(1235);
  expect(digits(0.000123456)).toBe(0.0001235);
});

test("outputs agree where samples and mean magnitude lie within the tolerance", () => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
  const near = values.map((v) => v * 1.00001);
  const scaled = values.map((v) => v * 1.01);
  expect(disagreement([sampleOf(near)], [sampleOf(values)], 1e-4)).toBeUndefined();
  expect(disagreement([sampleOf(scaled)], [sampleOf(values)], 1e-4)).toMatch(/^output 0 must lie within 0.0001 of the mean magnitude/);
});

test("NaN, a missing output and another length disagree", () => {
  const good = sampleOf([1, 2, 3]);
  expect(disagreement([sampleOf([1, Number.NaN, 3])], [good], 1)).toMatch(/^output 0/);
  expect(disagreement([], [good], 1)).toBe("outputs must be 1, got 0");
  expect(disagreement([sampleOf([1, 2])], [good], 1)).toBe("output 0 must have 3 elements, got 2");
});
