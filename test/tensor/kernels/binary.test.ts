import fc from "fast-check";
import { describe, test } from "vitest";
import { startThreads } from "../../../src/node/index.ts";
import { Rng, randn } from "../../../src/tensor/index.ts";
import { add, div, maximum, minimum, mul, sub } from "../../../src/tensor/ops/binary.ts";
import { expectParity } from "./parity.ts";

const ops = [add, sub, mul, div, maximum, minimum];

describe("binary kernels give the bits of the reference", () => {
  const dim = fc.integer({ min: 1, max: 9 });
  test.each(ops.map((op) => [op.def.name, op] as const))("%s over random broadcasts", (_, op) => {
    const keep = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(dim, { maxLength: 4 }), keep, keep, fc.nat(4), fc.integer(), (shape, a, b, cut, seed) => {
        const rng = new Rng(seed);
        const narrowed = (flags: readonly boolean[]) => shape.map((d, i) => (flags[i] ? d : 1));
        expectParity(op.def, [randn(narrowed(a), rng), randn(narrowed(b).slice(Math.min(cut, shape.length)), rng)], {});
      }),
    );
  });

  const shapes = [
    ["the same shape", [2, 5, 100, 70], [2, 5, 100, 70]],
    ["a scalar", [40000], []],
    ["one per channel", [2, 16, 9, 11], [1, 16, 1, 1]],
    ["one per channel on the left", [16, 1, 1], [2, 16, 9, 11]],
    ["one per row", [3, 7, 5], [3, 7, 1]],
    ["an outer product", [6, 1], [1, 9]],
    ["runs of two", [1000, 2], [1000, 1]],
  ] as const;
  test.each(shapes)("%s", (_, a, b) => {
    const rng = new Rng(5);
    for (const op of ops) if (a.length !== 2 || a[1] !== 2) expectParity(op.def, [randn(a, rng), randn(b, rng)], {});
    expectParity(add.def, [randn([3, 2, 2], rng), randn([3, 1, 2], rng)], {});
  });

  test("rows of several tasks, none of whose vectors reach into the next", () => {
    const pool = startThreads(2, { least: 0 });
    try {
      const rng = new Rng(6);
      for (const width of [4, 37, 1003]) {
        const [full, across] = [
          [4, 40, 5, width],
          [40, 1, width],
        ];
        for (const op of ops) {
          expectParity(op.def, [randn(full, rng), randn([40, 5, 1], rng)], {});
          expectParity(op.def, [randn([4, 1, 5, 1], rng), randn(across, rng)], {});
          expectParity(op.def, [randn(full, rng), randn(across, rng)], {});
        }
      }
    } finally {
      pool?.close();
      startThreads(1);
    }
  });
});
