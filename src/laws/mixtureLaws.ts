import fc from "fast-check";
import type { Separation } from "../em/index.ts";
import { defineLaw, type Law } from "./law.ts";
import { type Population, populations, scoresOf } from "./separatorLaws.ts";

/** What the laws of mixtures vary in a fit. */
export interface MixtureFitOptions {
  /** Inlier iff posterior >= tau; <= 0 takes every score, > 1 none. */
  readonly tau?: number;
  /** Least variance as a share of the total variance. */
  readonly varianceFloor?: number;
  /** Least share of inliers; 0 switches it off. */
  readonly floorShare?: number;
}

/** A way to fit two normals and split the scores between them. */
export interface MixtureFit {
  /** As messages call it. */
  readonly name: string;
  /** Splits scores [n]; a missing option is the fit's own default. */
  readonly split: (scores: Float64Array, options: MixtureFitOptions) => Separation;
  /** Set where the posterior may fall as the score rises. */
  readonly guard?: "off";
  /** Set where means and scores differ in units. */
  readonly transformed?: true;
}

const SOURCE = "InlierQ eq. 10 and 11";
const guarded = ({ guard }: MixtureFit): boolean => guard !== "off";

const normalized = defineLaw<MixtureFit, Population>({
  name: "has weights that sum to 1, and the larger mean for the inliers",
  source: SOURCE,
  inputs: () => populations,
  violation({ split, transformed }, population) {
    const scores = scoresOf(population);
    const { mixture } = split(scores, {});
    if (!mixture) return undefined;
    const { weights, means } = mixture;
    const at = { population };
    if (Math.abs(weights[0] + weights[1] - 1) > 1e-12) return { must: "the weights must sum to 1", got: `${weights[0] + weights[1]}`, at };
    if (!(means[1] > means[0])) return { must: "the inlier's mean must be the larger", got: `${means.join(" and ")}`, at };
    const [low, high] = [scores.reduce((a, b) => Math.min(a, b)), scores.reduce((a, b) => Math.max(a, b))];
    if (transformed || (means[0] >= low && means[1] <= high)) return undefined;
    return { must: `the means must lie within the scores, [${low}, ${high}]`, got: `${means.join(" and ")}`, at };
  },
});

const rises = defineLaw<MixtureFit, Population>({
  name: "never loses likelihood while the variance floor is off",
  source: "Dempster et al. 1977, theorem 1",
  inputs: () => populations,
  violation({ split }, population) {
    const { trace } = split(scoresOf(population), { varianceFloor: 0 });
    for (let t = 1; t < trace.length; t++) {
      const least = trace[t - 1] - 1e-9 * Math.abs(trace[t - 1]) - 1e-12;
      if (!(trace[t] >= least))
        return { must: `the likelihood after update ${t} must be at least ${least}`, got: `${trace[t]}`, at: { population } };
    }
    return undefined;
  },
});

const monotone = defineLaw<MixtureFit, Population>({
  name: "has a posterior that never falls as the score rises",
  source: "Departure from InlierQ eq. 11: the guard of a wide component",
  applies: guarded,
  inputs: () => populations,
  violation({ split }, population) {
    const scores = scoresOf(population);
    const found = split(scores, {});
    const rising = scores.slice().sort();
    const wild = [...rising, ...Array.from({ length: 20 }, (_, i) => rising[rising.length - 1] * 1.5 ** i)];
    for (let i = 1; i < wild.length; i++) {
      const [before, p] = [found.posterior(wild[i - 1]), found.posterior(wild[i])];
      if (p >= before - 1e-12) continue;
      return { must: `the posterior must be at least ${before}, that of ${wild[i - 1]}`, got: `${p}`, at: { score: wild[i], population } };
    }
    return undefined;
  },
});

const threshold = defineLaw<MixtureFit, { population: Population; tau: number }>({
  name: "takes as inliers what reaches tau",
  source: "InlierQ eq. 11",
  applies: guarded,
  inputs: () => fc.record({ population: populations, tau: fc.double({ min: 0.05, max: 0.95, noNaN: true }) }),
  violation({ split }, { population, tau }) {
    const scores = scoresOf(population);
    const found = split(scores, { tau, floorShare: 0 });
    const score = scores.find((h) => Math.abs(found.posterior(h) - tau) > 1e-9 && found.isInlier(h) !== found.posterior(h) > tau);
    if (score === undefined) return undefined;
    const inlier = found.posterior(score) > tau;
    const must = `the score must be ${inlier ? "an inlier" : "an anomaly"}, its posterior is ${found.posterior(score)} and tau ${tau}`;
    return { must, got: inlier ? "an anomaly" : "an inlier", at: { score, population } };
  },
});

const tau = fc.double({ min: -0.1, max: 1.1, noNaN: true });

const nested = defineLaw<MixtureFit, { population: Population; a: number; b: number }>({
  name: "is nested: a larger tau never adds an inlier",
  source: "InlierQ eq. 11",
  inputs: () => fc.record({ population: populations, a: tau, b: tau }),
  violation({ split }, { population, a, b }) {
    const scores = scoresOf(population);
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const [loose, strict] = [split(scores, { tau: low }), split(scores, { tau: high })];
    const score = scores.find((h) => strict.isInlier(h) && !loose.isInlier(h));
    if (score === undefined) return undefined;
    return { must: `the score, an inlier at tau ${high}, must be one at ${low}`, got: "an anomaly", at: { score, population } };
  },
});

const extremes = defineLaw<MixtureFit, Population>({
  name: "takes every score at tau 0 and none above 1",
  source: "InlierQ eq. 11",
  inputs: () => populations,
  violation({ split }, population) {
    const scores = scoresOf(population);
    const all = split(scores, { tau: 0 }).inlierShare;
    if (all !== 1) return { must: "the inlier share at tau 0 must be 1", got: `${all}`, at: { population } };
    const none = split(scores, { tau: 1.001 });
    // A fit that came to nothing has no posterior to compare with tau.
    const want = none.mixture ? 0 : split(scores, { tau: 0.5 }).inlierShare;
    if (none.inlierShare === want) return undefined;
    return { must: `the inlier share at tau 1.001 must be ${want}`, got: `${none.inlierShare}`, at: { population } };
  },
});

const floor = defineLaw<MixtureFit, { population: Population; floorShare: number }>({
  name: "has at least the floor share of inliers",
  source: "Unstated in InlierQ: a mask without inliers has no range",
  inputs: () => fc.record({ population: populations, floorShare: fc.double({ min: 0.01, max: 0.3, noNaN: true }) }),
  violation({ split }, { population, floorShare }) {
    const scores = scoresOf(population);
    const { inlierShare } = split(scores, { tau: 1, floorShare });
    const least = Math.min(floorShare, scores.filter((h) => h > 0).length / scores.length) - 1e-12;
    return inlierShare >= least
      ? undefined
      : { must: `the inlier share must be at least ${least}`, got: `${inlierShare}`, at: { population } };
  },
});

/** The laws of two-component mixtures of saliency scores. */
export const mixtureLaws: readonly Law<MixtureFit>[] = [normalized, rises, monotone, threshold, nested, extremes, floor];
