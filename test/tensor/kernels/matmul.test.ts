import fc from "fast-check";
import { test } from "vitest";
import { Rng, randn } from "../../../src/tensor/index.ts";
import { matmul } from "../../../src/tensor/ops/matmul.ts";
import { runs } from "../../runs.ts";
import { expectParity } from "./parity.ts";

test("matmul holds its bound over random sizes and broadcast batches", () => {
  const size = fc.integer({ min: 1, max: 21 });
  fc.assert(
    fc.property(
      size,
      size,
      size,
      fc.constantFrom([[], []], [[3], [3]], [[2, 1], [3]], [[], [2, 2]], [[4], [1]]),
      fc.integer(),
      (m, k, n, batch, seed) => {
        const rng = new Rng(seed);
        expectParity(matmul.def, [randn([...batch[0]!, m, k], rng), randn([...batch[1]!, k, n], rng)], {});
      },
    ),
    { numRuns: runs(60) },
  );
});

test("matmul crosses all its blocks", () => {
  const rng = new Rng(1);
  expectParity(matmul.def, [randn([201, 300], rng), randn([300, 601], rng)], {});
});
