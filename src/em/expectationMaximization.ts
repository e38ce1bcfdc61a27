import { exp, log } from "../elementary.ts";
import { ArgumentError } from "../errors.ts";
import { passOver } from "./kernels/index.ts";
import { type Components, SLOT } from "./statistics.ts";
import { populationVariance } from "./sum.ts";

/** When `expectationMaximization` stops, and how its update departs from the textbook one. */
export interface EmOptions {
  /** Most updates. */
  readonly iterations: number;
  /** Stop once the mean log-likelihood moves by no more than this share of itself. 0: never. */
  readonly tolerance?: number;
  /** Stop once the mean log-likelihood moves by less than this (scikit-learn). 0: never. */
  readonly absoluteTolerance?: number;
  /** Least variance, in squared score units. Raised to the machine epsilon times the variance of the scores, never 0. */
  readonly varianceFloor?: number;
  /** Added to both component counts (scikit-learn: 10 machine epsilons). Default 0: see `Departure` below. */
  readonly countEpsilon?: number;
  /** Added to both variances, in squared score units (scikit-learn: 1e-6). Default 0. */
  readonly regCovar?: number;
}

/** One run of EM. */
export interface EmRun {
  /** The components after the last update. */
  readonly final: Components;
  /** logLikelihood[t]: mean per score under the components before update t. */
  readonly logLikelihood: readonly number[];
  /** Mean per score under them. */
  readonly finalLogLikelihood: number;
  /** The components after update t. */
  readonly steps: readonly Components[];
}

/** The least number whose reciprocal is finite to full precision. */
const LEAST_NORMAL = 2 ** -1022;

/**
 * Expectation maximisation of a 1-D mixture of two normals from given components, in the log domain.
 *
 * Source: InlierQ eq. 10 leaves the fit open; the update is the textbook one. Departure: no epsilon in the
 * responsibilities' denominator. It would hand the far tail, where both densities underflow, to no component, and the
 * most salient volumes would end as anomalies.
 *
 * Errors: ArgumentError for an empty list and for a start that is no mixture.
 *
 * Shape: scores [n].
 */
export function expectationMaximization(scores: Float64Array, start: Components, options: EmOptions): EmRun {
  const { iterations, tolerance = 0, absoluteTolerance = 0, countEpsilon = 0, regCovar = 0 } = options;
  if (scores.length === 0) throw new ArgumentError("expectationMaximization", "scores must hold at least 1 score, got 0");
  requireComponents("expectationMaximization", "start", start);
  const varianceFloor = Math.max(options.varianceFloor ?? 0, leastVariance(scores));
  const pass = passOver(scores);
  const stats = new Float64Array(SLOT.size);
  const logLikelihood: number[] = [];
  const steps: Components[] = [];
  let current = start;
  let previous = -Infinity;
  for (let t = 0; t < iterations; t++) {
    pass(current, stats);
    const mean = stats[SLOT.logLikelihood] / scores.length;
    logLikelihood.push(mean);
    current = update(current, stats, scores.length, { varianceFloor, countEpsilon, regCovar });
    steps.push(current);
    const moved = Math.abs(mean - previous);
    if (moved < absoluteTolerance || (tolerance > 0 && moved <= tolerance * Math.abs(mean))) break;
    previous = mean;
  }
  pass(current, stats);
  return { final: current, logLikelihood, finalLogLikelihood: stats[SLOT.logLikelihood] / scores.length, steps };
}

/** Throws ArgumentError unless `at` can be the start of a fit. */
export function requireComponents(where: string, name: string, at: Components): void {
  const need = (holds: boolean, rule: string, values: readonly number[]): void => {
    if (!holds) throw new ArgumentError(where, `${name}.${rule}, got ${values.join(" and ")}`);
  };
  const { weights, means, variances } = at;
  const finite = (values: readonly number[]): boolean => values.length === 2 && values.every(Number.isFinite);
  need(
    finite(weights) && weights.every((w) => w >= 0) && weights[0] + weights[1] > 0,
    "weights must be 2 finite numbers >= 0, not both 0",
    weights,
  );
  need(finite(means), "means must be 2 finite numbers", means);
  need(finite(variances) && variances.every((v) => v > 0), "variances must be 2 finite numbers > 0", variances);
}

/** A component on a single score keeps some width: at 0 its density is infinite. */
function leastVariance(scores: Float64Array): number {
  const total = populationVariance(scores);
  return Math.max(Number.EPSILON * (total > 0 ? total : 1), LEAST_NORMAL);
}

type Regularisation = Required<Pick<EmOptions, "varianceFloor" | "countEpsilon" | "regCovar">>;

function update(at: Components, stats: Float64Array, size: number, o: Regularisation): Components {
  const component = (k: 0 | 1): { count: number; mean: number; variance: number } => {
    const seen = stats[SLOT.count + k];
    const count = seen + o.countEpsilon;
    // A component that no score answers for keeps its place.
    if (count === 0) return { count, mean: at.means[k], variance: at.variances[k] };
    const first = stats[SLOT.first + k];
    const mean = (first + at.means[k] * seen) / count;
    const shift = mean - at.means[k];
    const spread = (stats[SLOT.second + k] - 2 * shift * first + shift * shift * seen) / count;
    return { count, mean, variance: Math.max(o.varianceFloor, Math.max(0, spread) + o.regCovar) };
  };
  const a = component(0);
  const b = component(1);
  return {
    weights: [a.count / size, b.count / size],
    means: [a.mean, b.mean],
    variances: [a.variance, b.variance],
  };
}

/** Log-odds of component `inlier` against the other at a score: the log of the ratio in InlierQ eq. 10. */
export function logOdds(at: Components, inlier: 0 | 1, score: number): number {
  const anomaly = inlier === 0 ? 1 : 0;
  const da = score - at.means[anomaly];
  const di = score - at.means[inlier];
  return (
    log(at.weights[inlier] / at.weights[anomaly]) +
    0.5 * log(at.variances[anomaly] / at.variances[inlier]) +
    (0.5 * da * da) / at.variances[anomaly] -
    (0.5 * di * di) / at.variances[inlier]
  );
}

/** Logistic function without overflow. */
export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)));
