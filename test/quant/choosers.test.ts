import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitGmm, type Separation } from "../../src/em/index.ts";
import { type Chooser, type Chosen, choosers, importanceOf } from "../../src/quant/index.ts";
import { Rng, Tensor } from "../../src/tensor/index.ts";

/** Saliencies of a map of two populations, and magnitudes that have nothing to do with them. */
function drawMap(seed: number, share: number, tau = 0.5) {
  const rng = new Rng(seed);
  const [rows, columns] = [rng.int(6, 12), rng.int(6, 12)];
  const shape = [1, rows, columns];
  const size = rows * columns;
  const scores = Float32Array.from({ length: size }, () => (rng.float() < share ? 5 + Math.abs(rng.normal()) : Math.abs(rng.normal())));
  const saliency = new Tensor(shape, "f32", scores);
  const magnitudes = new Tensor(
    shape,
    "f32",
    Float32Array.from({ length: size }, () => rng.int(0, 20)),
  );
  const separation = fitGmm(Float64Array.from(scores), { tau });
  return { saliency, magnitudes, separation };
}

const choose = (chooser: Chooser, seed: number, of: ReturnType<typeof drawMap>): Chosen =>
  chooser.choose({ ...of, rng: () => new Rng(`draw/${seed}`) });

const marks = ({ range }: Chosen): number[] => [...range.data] as number[];
const members = (chosen: Chosen): number => marks(chosen).reduce((a, b) => a + b, 0);

const maps = fc.record({ seed: fc.integer({ min: 0, max: 1e6 }), share: fc.constantFrom(0.05, 0.2, 0.5, 0.9) });

describe("choosers", () => {
  it.each(["random", "magnitude"] as const)("%s takes exactly as many volumes of a map as are inliers", (name) => {
    fc.assert(
      fc.property(maps, ({ seed, share }) => {
        const of = drawMap(seed, share);
        const found = choose(choosers[name], seed, of);
        expect(members(found)).toBe(members(choose(choosers.inliers, seed, of)));
        expect(found.weights.data).toEqual(found.range.data);
      }),
    );
  });

  it("anomalies and inliers are a partition where there are two sets", () => {
    fc.assert(
      fc.property(maps, ({ seed, share }) => {
        const of = drawMap(seed, share);
        const [ours, theirs] = [choose(choosers.inliers, seed, of), choose(choosers.anomalies, seed, of)];
        if (of.separation.inlierShare === 1) expect(theirs).toEqual(choose(choosers.all, seed, of));
        else expect(marks(theirs)).toEqual(marks(ours).map((m) => 1 - m));
      }),
    );
  });

  it("magnitude takes no volume that is smaller than one it leaves", () => {
    fc.assert(
      fc.property(maps, ({ seed, share }) => {
        const of = drawMap(seed, share);
        const taken = marks(choose(choosers.magnitude, seed, of));
        const norms = [...of.magnitudes.data] as number[];
        const least = Math.min(...norms.filter((_, i) => taken[i] === 1));
        norms.forEach((norm, i) => expect(taken[i] === 1 || norm <= least).toBe(true));
      }),
    );
  });

  it("random takes every volume equally often, and the same ones again for the same seed", () => {
    const of = drawMap(3, 0.2);
    const counts = new Float64Array(of.saliency.size);
    const rounds = 2000;
    for (let seed = 0; seed < rounds; seed++) for (const [i, m] of marks(choose(choosers.random, seed, of)).entries()) counts[i] += m;
    const share = members(choose(choosers.inliers, 0, of)) / counts.length;
    const spread = Math.sqrt(rounds * share * (1 - share));
    for (const count of counts) expect(Math.abs(count - rounds * share)).toBeLessThan(5 * spread);
    expect(marks(choose(choosers.random, 7, of))).toEqual(marks(choose(choosers.random, 7, of)));
  });

  it("inliers are nested in tau", () => {
    fc.assert(
      fc.property(maps, ({ seed, share }) => {
        const [loose, tight] = [0.2, 0.8].map((tau) => marks(choose(choosers.inliers, seed, drawMap(seed, share, tau))));
        tight.forEach((m, i) => expect(m).toBeLessThanOrEqual(loose[i]));
      }),
    );
  });

  it("soft weighs every volume with its posterior, and is the mask where posteriors are 0 and 1", () => {
    fc.assert(
      fc.property(maps, ({ seed, share }) => {
        const of = drawMap(seed, share);
        const found = choose(choosers.soft, seed, of);
        expect(found.range.data.every((m) => m === 1)).toBe(true);
        found.weights.data.forEach((w, i) => expect(w).toBe(Math.fround(of.separation.posterior(of.saliency.data[i]))));
        const sure: Separation = { ...of.separation, posterior: (h) => (of.separation.isInlier(h) ? 1 : 0) };
        const hard = choose(choosers.inliers, seed, of);
        const weights = choose(choosers.soft, seed, { ...of, separation: sure }).weights.data;
        expect([...weights]).toEqual(marks(hard));
        const layout = { samples: 1, channels: 2, volumes: of.saliency.size };
        const gradient = Float32Array.from({ length: 2 * layout.volumes }, (_, i) => (i % 7) - 3);
        const options = { lambdaA: 0.25 };
        expect(importanceOf(gradient, weights, layout, options)).toEqual(importanceOf(gradient, hard.weights.data, layout, options));
      }),
    );
  });
});

describe("importance of shared volumes", () => {
  it("is the mean over both sets, each volume with its share", () => {
    const shares = [0.25, 1, 0, 0.5];
    const { elements } = importanceOf([1, 2, 3, 4], shares, { samples: 1, channels: 1, volumes: 4 }, { fisher: "none", lambdaA: 2 });
    shares.forEach((w, v) => expect(elements[v]).toBeCloseTo(w / 1.75 + (2 * (1 - w)) / 2.25, 12));
  });

  it("halves nothing where all shares are alike", () => {
    const layout = { samples: 1, channels: 2, volumes: 3 };
    const gradient = [1, 2, 3, 4, 5, 6];
    const [half, full] = [importanceOf(gradient, [0.5, 0.5, 0.5], layout), importanceOf(gradient, [1, 1, 1], layout)];
    half.elements.forEach((w, i) => expect(w).toBeCloseTo(full.elements[i], 12));
  });
});
