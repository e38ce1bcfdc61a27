import fc from "fast-check";
import { describe, test } from "vitest";
import { Rng, randn } from "../../../src/tensor/index.ts";
import { channelMoments } from "../../../src/tensor/ops/index.ts";
import { expectParity } from "./parity.ts";

describe("channelMoments gives the bits of the reference", () => {
  test("any number of channels, images and elements", () => {
    const shape = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 21 }), fc.integer({ min: 1, max: 13 }));
    fc.assert(
      fc.property(shape, fc.integer(), (sizes, seed) => {
        expectParity(channelMoments.def, [randn(sizes, new Rng(seed), 3)], {});
      }),
    );
  });
});
