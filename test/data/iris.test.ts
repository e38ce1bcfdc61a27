import { expect, test } from "vitest";
import { IRIS_CLASSES, iris } from "../../src/data/index.ts";

const { features, labels } = iris();
const column = (c: number): number[] => Array.from({ length: 150 }, (_, i) => features.data[4 * i + c]);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test("fifty flowers of each kind", () => {
  expect(features.shape).toEqual([150, 4]);
  const counts = IRIS_CLASSES.map((_, c) => [...labels.data].filter((l) => l === c).length);
  expect(counts).toEqual([50, 50, 50]);
});

test("the means and deviations are Fisher's", () => {
  const means = [0, 1, 2, 3].map((c) => mean(column(c)));
  [5.843333, 3.057333, 3.758, 1.199333].forEach((m, c) => expect(means[c]).toBeCloseTo(m, 5));
  const deviation = (c: number): number => Math.sqrt((mean(column(c).map((v) => (v - means[c]) ** 2)) * 150) / 149);
  [0.828066, 0.435866, 1.765298, 0.762238].forEach((d, c) => expect(deviation(c)).toBeCloseTo(d, 5));
});

test("the means of each kind are Fisher's", () => {
  const known = [
    [5.006, 3.428, 1.462, 0.246],
    [5.936, 2.77, 4.26, 1.326],
    [6.588, 2.974, 5.552, 2.026],
  ];
  known.forEach((row, kind) => {
    row.forEach((m, c) => expect(mean(column(c).slice(50 * kind, 50 * kind + 50))).toBeCloseTo(m, 5));
  });
});
