import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addLowRankBranches, frobeniusNorm, leadingRows, lowRankBranch, type Matrix } from "../../../src/quant/index.ts";
import { Rng, roundHalfEven } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { drawNetwork } from "../integer/networks.ts";
import { drawChain, normChain, outputGap } from "./chains.ts";

const drawn = (rows: number, columns: number, seed: number): Matrix => {
  const rng = new Rng(seed);
  return { rows, columns, data: Float64Array.from({ length: rows * columns }, () => rng.normal()) };
};

const sizes = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.nat(1000));

/** a bᵀ for two lists of columns. */
function outer(a: readonly number[], b: readonly number[], size: number): Matrix {
  return { rows: a.length, columns: b.length, data: Float64Array.from(a.flatMap((x) => b.map((y) => size * x * y))) };
}

describe("lowRankBranch", () => {
  it("leaves a residual no larger than the matrix, nothing at full rank, and adds up", () => {
    fc.assert(
      fc.property(sizes, fc.nat(11), ([rows, columns, seed], drop) => {
        const matrix = drawn(rows, columns, seed);
        const most = Math.min(rows, columns);
        const rank = Math.max(1, most - drop);
        const { left, right, residual } = lowRankBranch(matrix, { rank });
        const all = frobeniusNorm(matrix);
        expect(frobeniusNorm(residual)).toBeLessThanOrEqual(all * (1 + 1e-6));
        if (rank === most) expect(frobeniusNorm(residual)).toBeLessThanOrEqual(all * 1e-5);
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            let sum = residual.data[i * columns + j];
            for (let k = 0; k < rank; k++) sum += left.data[i * rank + k] * right.data[k * columns + j];
            expect(sum).toBeCloseTo(matrix.data[i * columns + j], 10);
          }
        }
      }),
    );
  });

  it("takes the larger of two orthogonal parts first", () => {
    const [a, b] = [outer([1, 1, 0], [1, 0, 1, 0], 5), outer([1, -1, 0], [1, 0, -1, 0], 2)];
    const matrix = { ...a, data: a.data.map((v, i) => v + b.data[i]) };
    const { residual } = lowRankBranch(matrix, { rank: 1 });
    for (let i = 0; i < 12; i++) expect(residual.data[i]).toBeCloseTo(b.data[i], 5);
    expect(Array.from(leadingRows(matrix, 1).data, (v) => Math.abs(v))).toEqual(
      [Math.SQRT1_2, 0, Math.SQRT1_2, 0].map((v) => expect.closeTo(v, 10)),
    );
  });

  it("loses no more with iterations than without, on the grid of the residual", () => {
    fc.assert(
      fc.property(fc.nat(1000), (seed) => {
        const matrix = drawn(10, 14, seed);
        const round = ({ data }: Matrix): Float64Array => {
          const scale = data.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / 3;
          return data.map((v) => scale * roundHalfEven(v / scale));
        };
        const lost = (iterations: number): number => {
          const { residual } = lowRankBranch(matrix, { rank: 3, round, iterations });
          const grid = round(residual);
          return frobeniusNorm({ data: residual.data.map((v, i) => v - grid[i]) });
        };
        expect(lost(5)).toBeLessThanOrEqual(lost(1));
      }),
    );
  });

  it("refuses a rank that does not fit, and gives the same bits each time", () => {
    const matrix = drawn(4, 6, 1);
    expect(() => lowRankBranch(matrix, { rank: 5 })).toThrow("lowRankBranch: rank must be an integer in 1..4, got 5");
    expect(lowRankBranch(matrix, { rank: 2 })).toEqual(lowRankBranch(matrix, { rank: 2 }));
  });
});

describe("addLowRankBranches", () => {
  it("leaves what networks compute, and names its layers", () => {
    let branches = 0;
    const check = ({ graph, x }: ReturnType<typeof drawChain>): void => {
      const { graph: after, changed, keep } = addLowRankBranches(graph);
      branches += changed.length;
      expect(keep).toHaveLength(2 * changed.length);
      for (const name of keep) expect(after.layers.some((l) => l.name === name)).toBe(true);
      expect(outputGap(graph, after, x)).toBeLessThan(1e-5);
    };
    fc.assert(fc.property(fc.gen(), (gen) => check(drawNetwork(drawWith(gen, "f32"), false))));
    fc.assert(fc.property(fc.gen(), (gen) => check(drawChain(drawWith(gen, "f32")))));
    check(normChain(2));
    expect(branches).toBeGreaterThan(5);
  });

  it("adds them beside the named layers only", () => {
    const { graph } = normChain(2);
    expect(addLowRankBranches(graph, { layers: new Set(["key"]) }).changed).toEqual(["key"]);
  });
});
