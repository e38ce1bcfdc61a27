import fc from "fast-check";
import { expect, test } from "vitest";
import { compile } from "../../../src/autograd/index.ts";
import { l1Norm, mean, Rng, randn, sum, withKernels } from "../../../src/tensor/index.ts";
import { runs } from "../../runs.ts";

test("sums over a middle axis have the bits of the reference, eager and compiled, whatever is left over of lines and positions", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 2, max: 11 }),
      fc.oneof(fc.integer({ min: 2, max: 70 }), fc.integer({ min: 1018, max: 1034 }), fc.integer({ min: 2040, max: 2060 })),
      fc.nat(),
      (outer, lines, inner, seed) => {
        const x = randn([outer, lines, inner], new Rng(seed));
        for (const op of [sum, mean, l1Norm]) {
          const f = () => op(x, { dim: 1 }).data;
          const expected = withKernels("reference", f);
          expect(f()).toEqual(expected);
          expect(compile((x) => op(x, { dim: 1 }))(x).data).toEqual(expected);
        }
      },
    ),
    { numRuns: runs(60) },
  );
});

test("not a number and infinities come out where they go in", () => {
  const x = randn([2, 5, 21], new Rng(1));
  x.data.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 20);
  for (const op of [sum, l1Norm]) expect(op(x, { dim: 1 }).data).toEqual(withKernels("reference", () => op(x, { dim: 1 }).data));
});
