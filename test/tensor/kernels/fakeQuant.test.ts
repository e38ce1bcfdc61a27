import fc from "fast-check";
import { describe, test } from "vitest";
import { Rng, randn, Tensor, tensor } from "../../../src/tensor/index.ts";
import { fakeQuant } from "../../../src/tensor/ops/fakeQuant.ts";
import { expectParity } from "./parity.ts";

describe("fakeQuant gives the bits of the reference", () => {
  test("per tensor and per channel, any axis", () => {
    const dim = fc.integer({ min: 1, max: 7 });
    fc.assert(
      fc.property(
        fc.tuple(dim, dim, dim, dim),
        fc.constantFrom(null, 0, 1, 2, 3),
        fc.constantFrom([0, 255], [-128, 127], [-8, 7]),
        fc.integer(),
        (shape, axis, [qmin, qmax], seed) => {
          const rng = new Rng(seed);
          const channels = axis === null ? 1 : shape[axis]!;
          const scale = tensor(Array.from({ length: channels }, () => rng.float(0.01, 0.2)));
          const zeroPoint = tensor(Array.from({ length: channels }, () => rng.int(qmin!, qmax!)));
          expectParity(fakeQuant.def, [randn(shape, rng, 3), scale, zeroPoint], { qmin, qmax, axis });
        },
      ),
    );
  });

  test("ties, infinities and NaN", () => {
    const ties = Float32Array.from({ length: 41 }, (_, i) => (i - 20) / 4);
    const x = new Tensor([46], "f32", Float32Array.of(...ties, Infinity, -Infinity, Number.NaN, -0, 2 ** -149));
    for (const z of [0, 3, -0.25, 0.5]) expectParity(fakeQuant.def, [x, tensor([0.5]), tensor([z])], { qmin: -8, qmax: 7, axis: null });
  });
});
