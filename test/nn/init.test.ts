import { describe, expect, it } from "vitest";
import { fans, kaimingBound, kaimingNormal, kaimingStd, kaimingUniform, xavierBound, xavierUniform } from "../../src/nn/index.ts";
import { Rng } from "../../src/tensor/index.ts";

const SHAPE = [40, 30, 3, 3];

describe("initialisation", () => {
  it("draws weights of the stated deviation and within the stated bounds", () => {
    const normal = kaimingNormal(SHAPE, new Rng(0));
    const deviation = Math.sqrt(Array.from(normal.data).reduce((sum, v) => sum + v * v, 0) / normal.size);
    expect(deviation / kaimingStd(SHAPE)).toBeCloseTo(1, 1);
    const largest = (data: ArrayLike<number>) => Array.from(data).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    expect(largest(kaimingUniform(SHAPE, new Rng(0)).data)).toBeLessThanOrEqual(kaimingBound(SHAPE));
    expect(largest(xavierUniform(SHAPE, new Rng(0)).data)).toBeLessThanOrEqual(xavierBound(SHAPE));
  });

  it("gives the same weights for the same seed", () => {
    expect(kaimingNormal(SHAPE, new Rng(4))).toEqual(kaimingNormal(SHAPE, new Rng(4)));
    expect(kaimingNormal(SHAPE, new Rng(4))).not.toEqual(kaimingNormal(SHAPE, new Rng(5)));
  });

  it("needs two dimensions", () => expect(() => fans([3])).toThrow("fans: shape must have at least 2 dimensions, got [3]"));
});
