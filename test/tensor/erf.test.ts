import { expect, test } from "vitest";
import { erf, tensor } from "../../src/tensor/index.ts";

/** Bits behind the point of the fixed-point numbers below. */
const BITS = 400n;
/** 2 / sqrt(pi) to 50 digits. */
const SLOPE = (11283791670955125738961589031215451716881012586580n << BITS) / 10n ** 49n;

/** A double as a fixed-point number; exact for |x| >= 2^-300. */
function fixed(x: number): bigint {
  const scaled = x * 2 ** 60;
  return (BigInt(Math.trunc(scaled)) << (BITS - 60n)) + (BigInt(Math.trunc((scaled - Math.trunc(scaled)) * 2 ** 60)) << (BITS - 120n));
}

/** erf by its Maclaurin series in fixed point: some 30 digits for |x| <= 6. */
function exact(x: number): number {
  const at = fixed(x);
  const square = (at * at) >> BITS;
  let power = at;
  let total = 0n;
  for (let n = 0n; power !== 0n; n++) {
    total += power / (2n * n + 1n);
    power = -((power * square) >> BITS) / (n + 1n);
  }
  const value = (total * SLOPE) >> BITS;
  return Number(value >> (BITS - 160n)) * 2 ** -160;
}

test("erf keeps a relative error below 1e-15 in double", () => {
  const points = Array.from({ length: 1201 }, (_, i) => (i - 600) / 97.3).filter((x) => Math.abs(x) < 6);
  const found = erf(tensor([...points, 1e-8, 0.0625, 0.06250001, 5.999], undefined, "f64")).data;
  [...points, 1e-8, 0.0625, 0.06250001, 5.999].forEach((x, i) => {
    const want = exact(x);
    expect(Math.abs(found[i] - want), `erf(${x})`).toBeLessThanOrEqual(1e-15 * Math.abs(want));
  });
});

test("erf ends at 1 and keeps zeros and NaN", () => {
  const found = erf(tensor([0, -0, 6, -7, Infinity, -Infinity, Number.NaN, 1e-300], undefined, "f64")).data;
  expect([...found.slice(2, 6)]).toEqual([1, -1, 1, -1]);
  expect(found[0]).toBe(0);
  expect(found[6]).toBeNaN();
  expect(found[7]).toBeCloseTo(1.1283791670955126e-300, 310);
});
