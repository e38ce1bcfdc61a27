import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitGmm } from "../../src/em/index.ts";
import { DTypeError, ShapeError } from "../../src/errors.ts";
import { inlierMask, inlierPosterior } from "../../src/quant/inlier.ts";
import { saliency } from "../../src/quant/saliency.ts";
import { mul, permute, Rng, randn, tensor, uniform, withKernels } from "../../src/tensor/index.ts";

describe("saliency", () => {
  test.each<[readonly number[], readonly number[]]>([
    [
      [2, 3, 4, 5],
      [2, 4, 5],
    ],
    [
      [2, 3, 2, 4, 5],
      [2, 2, 4, 5],
    ],
    [[7, 3], [7]],
    [
      [2, 6, 3],
      [2, 6],
    ],
  ])("%j to %j", (shape, volumes) => {
    expect(saliency(randn(shape, new Rng(1))).shape).toEqual(volumes);
  });

  test("sums absolute values over the channels", () => {
    expect(Array.from(saliency(tensor([[[[1, -2]], [[-3, 0.5]]]])).data)).toEqual([4, 2.5]);
    expect(Array.from(saliency(tensor([[[1, -2]], [[-3, 0.5]]]), 0).data)).toEqual([4, 2.5]);
  });

  test("is never negative, scales with the loss, and does not see the order of channels", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const g = randn([2, 4, 3, 3], new Rng(seed), 1, "f64");
        const h = saliency(g);
        expect(Array.from(h.data).every((v) => v >= 0)).toBe(true);
        expect(saliency(mul(g, -4)).data).toEqual(mul(h, 4).data);
        const tokens = permute(g, { perm: [0, 2, 3, 1] });
        expect(saliency(tokens, 3).data).toEqual(h.data);
      }),
    );
  });

  test("refuses codes and scalars", () => {
    expect(() => saliency(tensor([1], [1, 1, 1, 1], "i32"))).toThrow(DTypeError);
    expect(() => saliency(tensor([1]))).toThrow(ShapeError);
  });
});

describe("inlier mask", () => {
  test("is the separation, volume by volume; inliers and anomalies partition them", () => {
    const scores = uniform([2, 8, 8], new Rng(2), 0, 1, "f64");
    const separation = fitGmm(Float64Array.from(scores.data));
    const mask = inlierMask(scores, separation);
    const posterior = inlierPosterior(scores, separation);
    expect([mask.dtype, mask.shape]).toEqual(["u8", [2, 8, 8]]);
    Array.from(scores.data).forEach((h, i) => {
      expect(mask.data[i]).toBe(h >= separation.threshold ? 1 : 0);
      expect(posterior.data[i]).toBe(separation.posterior(h));
    });
    expect(Array.from(mask.data).reduce((a, b) => a + b, 0) / mask.size).toBe(separation.inlierShare);
  });
});

test("the kernel adds what the plain loop adds, to the bit", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 90 }),
      (seed, n, c, w) => {
        const g = randn([n, c, 1, w], new Rng(seed));
        expect(saliency(g).data).toEqual(withKernels("reference", () => saliency(g)).data);
      },
    ),
  );
});
