import { expect, test } from "vitest";
import { sqnr } from "../../src/quant/sqnr.ts";
import { tensor } from "../../src/tensor/index.ts";

test("is 20 dB where the noise has a tenth of the amplitude", () => {
  expect(sqnr(tensor([1, -1, 1]), tensor([1.1, -1.1, 0.9], [3], "f64"))).toBeCloseTo(20, 5);
});

test("is infinite without noise, and minus infinity without signal", () => {
  expect(sqnr(tensor([1, 2]), tensor([1, 2]))).toBe(Number.POSITIVE_INFINITY);
  expect(sqnr(tensor([0, 0]), tensor([0, 0]))).toBe(Number.POSITIVE_INFINITY);
  expect(sqnr(tensor([0, 0]), tensor([0.1, 0]))).toBe(Number.NEGATIVE_INFINITY);
});

test("refuses unequal shapes", () => {
  expect(() => sqnr(tensor([1, 2]), tensor([[1, 2]]))).toThrow("sqnr: shapes must be equal, got [2] and [1,2]");
});
