import fc from "fast-check";
import { describe, test } from "vitest";
import { Rng, randn } from "../../../src/tensor/index.ts";
import { channelMoments, expand, mean, sum } from "../../../src/tensor/ops/index.ts";
import { expectParity } from "./parity.ts";

/** Batch, channels and inner elements: channels that are summed side by side, in pairs and alone. */
const sizes = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 21 }), fc.integer({ min: 1, max: 43 }));
const seed = fc.integer();

describe("sums over everything but the channels give the bits of the reference", () => {
  test.each([sum, mean].map(({ def }) => [def.name, def] as const))("%s", (_, def) => {
    fc.assert(
      fc.property(sizes, seed, fc.boolean(), ([n, c, inner], seed, keepdim) => {
        const x = randn([n, c, 1, inner], new Rng(seed), 3);
        for (const dim of [[0, 2, 3], [2, 3], [0, 1], [3]]) expectParity(def, [x], { dim, keepdim });
      }),
    );
  });
});

describe("expand repeats values along the last axes", () => {
  test("one value a channel, a row, or for all", () => {
    fc.assert(
      fc.property(sizes, seed, ([n, c, inner], seed) => {
        const shape = [n, c, inner, 3];
        for (const from of [[1, c, 1, 1], [n, c, 1, 1], [n, 1, inner, 1], [1], [c, inner, 1]]) {
          expectParity(expand.def, [randn(from, new Rng(seed))], { shape });
        }
      }),
    );
  });
});

describe("channelMoments gives the bits of the reference", () => {
  test("any number of channels, images and elements", () => {
    fc.assert(
      fc.property(sizes, seed, (shape, seed) => {
        expectParity(channelMoments.def, [randn(shape, new Rng(seed), 3)], {});
      }),
    );
  });
});
