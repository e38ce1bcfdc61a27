import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng, randn, Tensor, tensor } from "../../../src/tensor/index.ts";
import { fakeQuant } from "../../../src/tensor/ops/fakeQuant.ts";
import { fakeQuantGrad } from "../../../src/tensor/ops/fakeQuantGrad.ts";
import { expectParity } from "./parity.ts";

const WANTS = [
  [true, true, true],
  [true, false, false],
  [false, true, false],
  [false, true, true],
  [true, false, true],
] as const;

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

describe("fakeQuantGrad gives the bits of the reference", () => {
  test("per tensor and per channel, any axis, whatever is wanted", () => {
    const dim = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        fc.tuple(dim, dim, dim, dim),
        fc.constantFrom(null, 0, 1, 2, 3),
        fc.constantFrom([0, 255], [-128, 127], [-8, 7]),
        fc.constantFrom(...WANTS),
        fc.integer(),
        (shape, axis, [qmin, qmax], wants, seed) => {
          const rng = new Rng(seed);
          const channels = axis === null ? 1 : shape[axis]!;
          const scale = tensor(Array.from({ length: channels }, () => rng.float(0.01, 0.2)));
          const zeroPoint = tensor(Array.from({ length: channels }, () => rng.int(qmin!, qmax!)));
          expectParity(fakeQuantGrad.def, [randn(shape, rng), randn(shape, rng, 3), scale, zeroPoint], { qmin, qmax, axis, wants });
        },
      ),
    );
  });

  test.for([
    [[3, 70_001], null],
    [[2, 3, 70_001], 1],
    [[40, 5000], 0],
    [[40, 5000], 1],
  ] as const)("over several pieces: %j along %s", ([shape, axis]) => {
    const rng = new Rng(`pieces ${shape}`);
    const channels = axis === null ? 1 : shape[axis]!;
    const parameters = [tensor(Array.from({ length: channels }, () => rng.float(0.1, 0.3))), tensor(new Float32Array(channels).fill(2))];
    const attrs = { qmin: -8, qmax: 7, axis, wants: WANTS[0] };
    expectParity(fakeQuantGrad.def, [randn(shape, rng), randn(shape, rng), ...parameters], attrs);
  });

  test("ties, infinities and NaN", () => {
    const ties = Float32Array.from({ length: 41 }, (_, i) => (i - 20) / 4);
    const odd = [Infinity, -Infinity, Number.NaN, -0, 2 ** -149];
    const x = new Tensor([46], "f32", Float32Array.of(...ties, ...odd));
    const g = randn([46], new Rng("ties"));
    for (const z of [0, 3, -0.25, 0.5]) {
      for (const part of [x, new Tensor([41], "f32", ties)]) {
        const cotangent = new Tensor(part.shape, "f32", g.data.slice(0, part.size));
        const attrs = { qmin: -8, qmax: 7, axis: null, wants: WANTS[0] };
        expectParity(fakeQuantGrad.def, [cotangent, part, tensor([0.5]), tensor([z])], attrs);
      }
    }
  });

  test("what lies behind the last value does not count", () => {
    const run = (g: Tensor, x: Tensor) =>
      fakeQuantGrad(g, x, tensor([0.5]), tensor([0]), { qmin: -8, qmax: 7, axis: null, wants: [true, true, true] });
    const [g, x] = [tensor([1, 2, 3, 4, 5]), tensor([9, -9, 0.3, 0.7, 8])];
    const clean = run(g, x);
    // Leaves NaN in the memory that the next call reads beyond its end.
    const dirty = new Tensor([64], "f32", new Float32Array(64).fill(Number.NaN));
    run(dirty, dirty);
    expect(run(g, x)).toEqual(clean);
    expect(clean[1]!.data[0]).toBeCloseTo(1 * 7 + 2 * -8 + 3 * (1 - 0.6) + 4 * (1 - 1.4) + 5 * 7, 5);
  });
});
