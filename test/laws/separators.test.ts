import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitGmm, gmm1d, kmeans1d, type Separator, svm1d } from "../../src/em/index.ts";
import { Rng } from "../../src/tensor/index.ts";

/** Without the floor of 16 volumes, the one rule that counts in absolute numbers. */
const floorCount = 0;

const separators: readonly Separator[] = [
  gmm1d({ floorCount }),
  { ...gmm1d({ floorCount, transform: "sqrt" }), name: "gmm1d sqrt" },
  { ...gmm1d({ floorCount, transform: "log" }), name: "gmm1d log" },
  { ...gmm1d({ floorCount, monotone: false }), name: "gmm1d literal" },
  kmeans1d(),
  svm1d(),
];

interface Population {
  readonly seed: number;
  readonly count: number;
  readonly salient: number;
  readonly gap: number;
  readonly zeros: number;
  readonly unit: number;
}

/** Scores as saliency maps give them: a log-normal background, a salient minority, exact zeros, any unit. */
function scoresOf({ seed, count, salient, gap, zeros, unit }: Population): Float64Array {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => {
    if (rng.float() < zeros) return 0;
    return unit * Math.exp(0.7 * rng.normal() + (rng.float() < salient ? gap : 0));
  });
}

const population = fc
  .record({
    seed: fc.nat(),
    count: fc.integer({ min: 200, max: 600 }),
    salient: fc.double({ min: 0.1, max: 0.4, noNaN: true }),
    gap: fc.double({ min: 0.5, max: 4, noNaN: true }),
    zeros: fc.constantFrom(0, 0.05, 0.3, 0.7),
    unit: fc.constantFrom(1e-9, 1e-5, 1, 1000),
  })
  .map((p) => ({ ...p, scores: scoresOf(p) }));

const maskOf = (separator: Separator, scores: Float64Array): boolean[] => {
  const fit = separator.fit(scores);
  return Array.from(scores, (h) => fit.isInlier(h));
};

const shuffled = (scores: Float64Array, seed: number): { values: Float64Array; order: Int32Array } => {
  const order = new Rng(seed).permutation(scores.length);
  return { order, values: Float64Array.from(order, (i) => scores[i]) };
};

describe.each(separators.map((s) => [s.name, s] as const))("%s", (_, separator) => {
  test("posteriors lie in [0, 1], and the inlier share is the share of inliers", () => {
    fc.assert(
      fc.property(population, ({ scores }) => {
        const fit = separator.fit(scores);
        const wild = Array.from(scores).concat(Math.max(...scores) * 1e6);
        for (const h of wild) expect(fit.posterior(h) >= 0 && fit.posterior(h) <= 1).toBe(true);
        expect(fit.inlierShare).toBe(Array.from(scores).filter((h) => fit.isInlier(h)).length / scores.length);
        expect(fit.inlierShare).toBeGreaterThan(0);
      }),
    );
  });

  test("the order of the scores changes nothing, to the last bit", () => {
    fc.assert(
      fc.property(population, fc.nat(), ({ scores }, seed) => {
        const { values, order } = shuffled(scores, seed);
        const [a, b] = [separator.fit(scores), separator.fit(values)];
        expect(b.threshold).toBe(a.threshold);
        expect(b.mixture).toEqual(a.mixture);
        expect(Array.from(order, (i) => a.isInlier(scores[i]))).toEqual(Array.from(values, (h) => b.isInlier(h)));
      }),
    );
  });

  test("every score twice gives the same mask, up to scores on the edge", () => {
    fc.assert(
      fc.property(population, ({ scores }) => {
        const [once, twice] = [separator.fit(scores), separator.fit(Float64Array.from([...scores, ...scores]))];
        for (const h of scores) {
          const edge = Math.abs(once.posterior(h) - 0.5) < 1e-6 || Math.abs(h - once.threshold) <= 1e-6 * once.threshold;
          if (!edge) expect(twice.isInlier(h)).toBe(once.isInlier(h));
        }
      }),
    );
  });

  test("a loss multiplied by a power of two gives the same mask", () => {
    fc.assert(
      fc.property(population, fc.integer({ min: -20, max: 20 }), ({ scores }, exponent) => {
        const scaled = scores.map((h) => h * 2 ** exponent);
        expect(maskOf(separator, scaled)).toEqual(maskOf(separator, scores));
      }),
    );
  });

  test("exact zeros are never inliers where most scores are zero", () => {
    fc.assert(
      fc.property(population, (p) => {
        const scores = scoresOf({ ...p, zeros: 0.7, count: 400 });
        const fit = separator.fit(scores);
        expect(fit.flags).toContain("zeros-are-anomalies");
        expect(fit.isInlier(0)).toBe(false);
        expect(fit.posterior(0)).toBe(0);
      }),
    );
  });
});

describe("the mixture", () => {
  test("weights sum to 1, the inlier has the larger mean, means lie within the scores", () => {
    fc.assert(
      fc.property(population, ({ scores }) => {
        const { mixture } = fitGmm(scores);
        if (!mixture) return;
        expect(mixture.weights[0] + mixture.weights[1]).toBeCloseTo(1, 12);
        expect(mixture.means[1]).toBeGreaterThan(mixture.means[0]);
        expect(mixture.means[0]).toBeGreaterThanOrEqual(Math.min(...scores));
        expect(mixture.means[1]).toBeLessThanOrEqual(Math.max(...scores));
      }),
    );
  });

  test("the log-likelihood never falls while the variance floor is off", () => {
    fc.assert(
      fc.property(population, fc.constantFrom("raw" as const, "sqrt" as const, "log" as const), ({ scores }, transform) => {
        const { trace } = fitGmm(scores, { transform, varianceFloor: 0 });
        for (let t = 1; t < trace.length; t++)
          expect(trace[t]).toBeGreaterThanOrEqual(trace[t - 1] - 1e-9 * Math.abs(trace[t - 1]) - 1e-12);
      }),
    );
  });

  test("under the guard the posterior never falls as the score rises", () => {
    fc.assert(
      fc.property(population, ({ scores }) => {
        const fit = fitGmm(scores);
        const rising = scores.slice().sort();
        const wild = [...rising, ...Array.from({ length: 20 }, (_, i) => rising[rising.length - 1] * 1.5 ** i)];
        for (let i = 1; i < wild.length; i++) expect(fit.posterior(wild[i])).toBeGreaterThanOrEqual(fit.posterior(wild[i - 1]) - 1e-12);
      }),
    );
  });

  test("under the guard the threshold is where the posterior reaches tau", () => {
    fc.assert(
      fc.property(population, fc.double({ min: 0.05, max: 0.95, noNaN: true }), ({ scores }, tau) => {
        const fit = fitGmm(scores, { tau, floorShare: 0 });
        for (const h of scores) {
          if (Math.abs(fit.posterior(h) - tau) > 1e-9) expect(fit.isInlier(h)).toBe(fit.posterior(h) > tau);
        }
      }),
    );
  });

  test.each([true, false])("inlier sets are nested: a larger tau never adds one (guard %s)", (monotone) => {
    const tau = fc.double({ min: -0.1, max: 1.1, noNaN: true });
    fc.assert(
      fc.property(population, tau, tau, ({ scores }, a, b) => {
        const loose = fitGmm(scores, { tau: Math.min(a, b), monotone });
        const strict = fitGmm(scores, { tau: Math.max(a, b), monotone });
        for (const h of scores) if (strict.isInlier(h)) expect(loose.isInlier(h)).toBe(true);
      }),
    );
  });

  test("tau <= 0 takes every score, tau > 1 none", () => {
    fc.assert(
      fc.property(population, fc.boolean(), ({ scores }, monotone) => {
        expect(fitGmm(scores, { tau: 0, monotone }).inlierShare).toBe(1);
        const none = fitGmm(scores, { tau: 1.001, monotone });
        // A fit that came to nothing has no posterior to compare with tau.
        expect(none.inlierShare).toBe(none.mixture ? 0 : fitGmm(scores, { tau: 0.5, monotone }).inlierShare);
      }),
    );
  });

  test("at least the floor share are inliers", () => {
    fc.assert(
      fc.property(population, fc.double({ min: 0.01, max: 0.3, noNaN: true }), fc.boolean(), ({ scores }, floorShare, monotone) => {
        const fit = fitGmm(scores, { tau: 1, floorShare, monotone });
        const positive = scores.filter((h) => h > 0).length / scores.length;
        expect(fit.inlierShare).toBeGreaterThanOrEqual(Math.min(floorShare, positive) - 1e-12);
      }),
    );
  });
});
