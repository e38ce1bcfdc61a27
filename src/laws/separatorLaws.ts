import fc from "fast-check";
import { exp } from "../elementary.ts";
import type { Separation, Separator } from "../em/index.ts";
import { Rng } from "../tensor/index.ts";
import { defineLaw, type Law } from "./law.ts";

/** How saliency scores are drawn. */
export interface Population {
  /** Of the generator. */
  readonly seed: number;
  /** Scores in all. */
  readonly count: number;
  /** Share of the salient minority. */
  readonly salient: number;
  /** By how much the logarithms of the minority lie higher. */
  readonly gap: number;
  /** Share of exact zeros. */
  readonly zeros: number;
  /** What one unit of the scores is worth. */
  readonly unit: number;
}

/** Scores [count] as saliency maps give them: a log-normal background, a salient minority, exact zeros, any unit. */
export function scoresOf({ seed, count, salient, gap, zeros, unit }: Population): Float64Array {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => {
    if (rng.float() < zeros) return 0;
    return unit * exp(0.7 * rng.normal() + (rng.float() < salient ? gap : 0));
  });
}

/** Populations large enough for a fit. */
export const populations: fc.Arbitrary<Population> = fc.record({
  seed: fc.nat(),
  count: fc.integer({ min: 200, max: 600 }),
  salient: fc.double({ min: 0.1, max: 0.4, noNaN: true }),
  gap: fc.double({ min: 0.5, max: 4, noNaN: true }),
  zeros: fc.constantFrom(0, 0.05, 0.3, 0.7),
  unit: fc.constantFrom(1e-9, 1e-5, 1, 1000),
});

const maximum = (scores: Float64Array): number => scores.reduce((a, b) => Math.max(a, b), 0);

const bounded = defineLaw<Separator, Population>({
  name: "has posteriors in [0, 1]",
  source: "InlierQ eq. 10",
  inputs: () => populations,
  violation(separator, population) {
    const scores = scoresOf(population);
    const fit = separator.fit(scores);
    for (const score of [...scores, maximum(scores) * 1e6]) {
      const p = fit.posterior(score);
      if (!(p >= 0 && p <= 1)) return { must: "the posterior must lie in [0, 1]", got: `${p}`, at: { score, population } };
    }
    return undefined;
  },
});

const share = defineLaw<Separator, Population>({
  name: "states the share of its inliers, and has some",
  source: "InlierQ eq. 11",
  inputs: () => populations,
  violation(separator, population) {
    const scores = scoresOf(population);
    const fit = separator.fit(scores);
    const counted = scores.filter((h) => fit.isInlier(h)).length / scores.length;
    if (fit.inlierShare === counted && counted > 0) return undefined;
    return { must: `inlierShare must be ${counted}, the share of inliers, and above 0`, got: `${fit.inlierShare}`, at: { population } };
  },
});

/** The first score whose side differs between two fits; `edge` leaves scores out. */
function movedScore(scores: Float64Array, a: (i: number) => boolean, b: (i: number) => boolean): number | undefined {
  const i = scores.findIndex((_, k) => a(k) !== b(k));
  return i < 0 ? undefined : scores[i];
}

const side = (inlier: boolean): string => (inlier ? "an inlier" : "an anomaly");

const permutation = defineLaw<Separator, { population: Population; shuffle: number }>({
  name: "does not depend on the order of the scores, to the last bit",
  source: "Definition: scores are a population",
  inputs: () => fc.record({ population: populations, shuffle: fc.nat() }),
  violation(separator, { population, shuffle }) {
    const scores = scoresOf(population);
    const mixed = Float64Array.from(new Rng(shuffle).permutation(scores.length), (i) => scores[i]);
    const [a, b] = [separator.fit(scores), separator.fit(mixed)];
    const at = { population, shuffle };
    if (!Object.is(a.threshold, b.threshold))
      return { must: `the threshold of shuffled scores must be ${a.threshold}`, got: `${b.threshold}`, at };
    const [want, got] = [a.mixture, b.mixture].map((mixture) => JSON.stringify(mixture ?? null));
    if (want !== got) return { must: `the mixture of shuffled scores must be ${want}`, got, at };
    const score = scores.find((h) => a.isInlier(h) !== b.isInlier(h));
    if (score === undefined) return undefined;
    return {
      must: `the score must be ${side(a.isInlier(score))} of shuffled scores too`,
      got: side(b.isInlier(score)),
      at: { score, ...at },
    };
  },
});

/** Whether a score lies so near the edge that rounding decides. */
const onEdge = (fit: Separation, h: number): boolean =>
  Math.abs(fit.posterior(h) - 0.5) < 1e-6 || Math.abs(h - fit.threshold) <= 1e-6 * fit.threshold;

const duplication = defineLaw<Separator, Population>({
  name: "gives the same mask for every score twice, up to scores on the edge",
  source: "Definition: scores are a population",
  inputs: () => populations,
  violation(separator, population) {
    const scores = scoresOf(population);
    const [once, twice] = [separator.fit(scores), separator.fit(Float64Array.from([...scores, ...scores]))];
    const score = scores.find((h) => twice.isInlier(h) !== once.isInlier(h) && !onEdge(once, h));
    if (score === undefined) return undefined;
    return {
      must: `the score must be ${side(once.isInlier(score))} of doubled scores too`,
      got: side(twice.isInlier(score)),
      at: { score, population },
    };
  },
});

const scaling = defineLaw<Separator, { population: Population; exponent: number }>({
  name: "gives the same mask for a loss multiplied by a power of two",
  source: "InlierQ eq. 9: scores are as large as the loss",
  inputs: () => fc.record({ population: populations, exponent: fc.integer({ min: -20, max: 20 }) }),
  violation(separator, { population, exponent }) {
    const scores = scoresOf(population);
    const factor = 2 ** exponent;
    const [plain, scaled] = [separator.fit(scores), separator.fit(scores.map((h) => h * factor))];
    const score = movedScore(
      scores,
      (i) => plain.isInlier(scores[i]),
      (i) => scaled.isInlier(scores[i] * factor),
    );
    if (score === undefined) return undefined;
    const must = `the score times ${factor} must be ${side(plain.isInlier(score))}, as the score`;
    return { must, got: side(!plain.isInlier(score)), at: { score, population, factor } };
  },
});

const zeros = defineLaw<Separator, Population>({
  name: "never takes exact zeros as inliers where most scores are zero",
  source: "Unstated in InlierQ: a position without gradient matters to nothing",
  inputs: () => populations.map((p) => ({ ...p, zeros: 0.7, count: 400 })),
  violation(separator, population) {
    const fit = separator.fit(scoresOf(population));
    if (!fit.flags.includes("zeros-are-anomalies"))
      return { must: 'flags must include "zeros-are-anomalies"', got: JSON.stringify(fit.flags), at: { population } };
    if (!fit.isInlier(0) && fit.posterior(0) === 0) return undefined;
    const got = `${side(fit.isInlier(0))} with posterior ${fit.posterior(0)}`;
    return { must: "the score 0 must be an anomaly with posterior 0", got, at: { population } };
  },
});

/** The laws of separators of saliency scores. */
export const separatorLaws: readonly Law<Separator>[] = [bounded, share, permutation, duplication, scaling, zeros];
