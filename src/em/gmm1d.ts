import { exp, log } from "../elementary.ts";
import { ArgumentError } from "../errors.ts";
import { type Decision, literalDecision, monotoneDecision } from "./decision.ts";
import { type EmRun, expectationMaximization, requireComponents } from "./expectationMaximization.ts";
import { twoMeans } from "./kmeans.ts";
import { everyFitted, everyScore, type Prepared, prepareScores, quantile, shareAtLeast } from "./scores.ts";
import type { Mixture, Separation, SeparationFlag, Separator } from "./separator.ts";
import type { Components } from "./statistics.ts";
import { populationVariance } from "./sum.ts";

/** What is fitted: the score over the mean score, its square root, or its logarithm (positive scores only). */
export type Transform = "raw" | "sqrt" | "log";

/** Options of `fitGmm` and `gmm1d`. */
export interface GmmOptions {
  /** Default "raw". Unstated: what InlierQ fits; "raw" is the literal reading and keeps the best recall. */
  readonly transform?: Transform;
  /** Inlier iff P(inlier | score) >= tau. Default 0.5; <= 0: every score, > 1: none. Unstated in InlierQ. */
  readonly tau?: number;
  /** Whether the posterior may only rise with the score. Default true; false is the literal eq. 11. */
  readonly monotone?: boolean;
  /** Least share of inliers; tau falls until it is met. Default 0.005; 0 switches this floor and `floorCount` off. */
  readonly floorShare?: number;
  /** Least number of inliers, as `floorShare`. Default 16. */
  readonly floorCount?: number;
  /** Most EM updates of a start. Default 200. */
  readonly iterations?: number;
  /** EM stops once the log-likelihood moves by no more than this share of itself. Default 1e-7. */
  readonly tolerance?: number;
  /** Least variance as a share of the total variance: relative, so that a scaled loss gives the same mask. Default 1e-6. */
  readonly varianceFloor?: number;
  /** Added to variances, in squared units of the fit (scikit-learn: 1e-6). Default 0. */
  readonly regCovar?: number;
  /** Added to component counts (scikit-learn: 10 machine epsilons). Default 0. */
  readonly eps?: number;
  /** Start from this mixture (in units of the fit) instead of the quantile and 2-means starts. */
  readonly init?: Components;
  /** Most scores in the fit; more are thinned without chance. Default 200 000. */
  readonly maxScores?: number;
}

/** The defaults of `fitGmm` and `gmm1d`. */
export const GMM_DEFAULTS = {
  transform: "raw",
  tau: 0.5,
  monotone: true,
  floorShare: 0.005,
  floorCount: 16,
  iterations: 200,
  tolerance: 1e-7,
  varianceFloor: 1e-6,
  regCovar: 0,
  eps: 0,
  maxScores: 200_000,
} as const satisfies GmmOptions;

type Resolved = Required<Omit<GmmOptions, "init">> & Pick<GmmOptions, "init">;

const FORWARD: Record<Transform, (relative: number) => number> = { raw: (h) => h, sqrt: Math.sqrt, log };
const BACKWARD: Record<Transform, (t: number) => number> = { raw: (t) => t, sqrt: (t) => (t > 0 ? t * t : -Infinity), log: exp };

/** Below this share a component is dead. */
const MIN_WEIGHT = 1e-4;
/** A component on the variance floor with fewer scores than this is a spike, not a population. */
const MIN_COUNT = 10;
/** Means closer than this share of a standard deviation are one mean. */
const MIN_GAP = 1e-6;

/**
 * Fits a two-component normal mixture to saliency scores and splits them: the component of the larger mean is the
 * inlier (InlierQ eq. 10 and 11). Degenerate populations follow written rules, named in `flags`.
 *
 * Deterministic: EM runs from a quantile start and from a 2-means start and the higher likelihood stays. The fit does
 * not change when all scores are multiplied by a constant; nor, up to `maxScores` of them, when they are permuted (more
 * are thinned by position) or each is repeated equally often, except where a rule counts scores: at least 32 for a fit,
 * at least 10 in a component on the variance floor, and `floorCount` inliers. Errors: ArgumentError on an empty list,
 * on a score that is negative, NaN or infinite, and on options out of range.
 *
 * Unstated: everything about the fit except that it is EM on two components; the defaults are ours.
 *
 * Shape: scores [n].
 */
export function fitGmm(scores: Float64Array, options: GmmOptions = {}): Separation {
  const o: Resolved = { ...GMM_DEFAULTS, ...options };
  checkOptions(o);
  const prepared = prepareScores("fitGmm", scores, o.maxScores, o.transform === "log");
  if (typeof prepared === "string") return everyScore([prepared]);
  const flags: SeparationFlag[] = prepared.zerosExcluded ? ["zeros-are-anomalies"] : [];
  const fitted = prepared.sorted.map((h) => FORWARD[o.transform](h / prepared.mean));
  const run = bestRun(fitted, o, flags);
  const giveUp = (flag: SeparationFlag, seen: readonly number[]): Separation =>
    everyFitted(scores, prepared.zerosExcluded && o.tau > 0, [...flags, flag], seen);
  if (!run) return giveUp("degenerate-collapse", []);
  const { means, variances } = run.final;
  const trace = [...run.logLikelihood, run.finalLogLikelihood];
  if (Math.abs(means[1] - means[0]) < MIN_GAP * Math.sqrt(Math.max(...variances))) return giveUp("degenerate-means", trace);
  const inlier = means[1] > means[0] ? 1 : 0;
  const decision = o.monotone ? monotoneDecision(run.final, inlier, fitted[0], o.tau) : literalDecision(run.final, inlier);
  const decide = o.monotone ? halfLine : literally;
  return {
    mixture: mixtureOf(run.final, inlier, o.transform === "raw" ? prepared.mean : 1),
    trace,
    ...decide(scores, prepared, decision, o, flags),
  };
}

function checkOptions(o: Resolved): void {
  const need = (holds: boolean, rule: string, value: unknown): void => {
    if (!holds) throw new ArgumentError("fitGmm", `${rule}, got ${String(value)}`);
  };
  need(Object.hasOwn(FORWARD, o.transform), "transform must be raw, sqrt or log", o.transform);
  need(!Number.isNaN(o.tau), "tau must be a number", o.tau);
  need(o.floorShare >= 0 && o.floorShare <= 1, "floorShare must lie in [0, 1]", o.floorShare);
  need(Number.isInteger(o.floorCount) && o.floorCount >= 0, "floorCount must be a whole number >= 0", o.floorCount);
  need(o.tolerance >= 0, "tolerance must be >= 0", o.tolerance);
  need(Number.isInteger(o.iterations) && o.iterations >= 1, "iterations must be a whole number >= 1", o.iterations);
  need(
    o.varianceFloor >= 0 && o.regCovar >= 0 && o.eps >= 0,
    "varianceFloor, regCovar and eps must be >= 0",
    `${o.varianceFloor}, ${o.regCovar}, ${o.eps}`,
  );
  need(Number.isInteger(o.maxScores) && o.maxScores >= 32, "maxScores must be a whole number >= 32", o.maxScores);
  if (o.init) requireComponents("fitGmm", "init", o.init);
}

/** The run of the higher likelihood among the starts that did not collapse; undefined when all did. */
function bestRun(fitted: Float64Array, o: Resolved, flags: SeparationFlag[]): EmRun | undefined {
  const total = populationVariance(fitted);
  // Even without a floor a component on a single score keeps some width: at 0 its density is infinite.
  const varianceFloor = Math.max(o.varianceFloor, Number.EPSILON) * total;
  const starts = o.init ? [o.init] : [quantileStart(fitted, total), clusterStart(fitted, varianceFloor)];
  let best: EmRun | undefined;
  for (const start of starts) {
    const { iterations, tolerance, regCovar } = o;
    const run = expectationMaximization(fitted, start, { iterations, tolerance, varianceFloor, countEpsilon: o.eps, regCovar });
    if (!Number.isFinite(run.finalLogLikelihood) || collapsed(run.final, fitted.length, varianceFloor)) {
      if (!flags.includes("collapsed-start")) flags.push("collapsed-start");
    } else if (!best || run.finalLogLikelihood > best.finalLogLikelihood) best = run;
  }
  return best;
}

const collapsed = (at: Components, size: number, varianceFloor: number): boolean =>
  [0, 1].some((k) => at.weights[k] < MIN_WEIGHT || (at.variances[k] <= varianceFloor && at.weights[k] * size < MIN_COUNT));

function quantileStart(sorted: Float64Array, variance: number): Components {
  const low = quantile(sorted, 0.25);
  const high = quantile(sorted, 0.95);
  const means: [number, number] = low < high ? [low, high] : [quantile(sorted, 0.5), sorted[sorted.length - 1]];
  return { weights: [0.7, 0.3], means, variances: [variance, variance] };
}

function clusterStart(sorted: Float64Array, floor: number): Components {
  const { low, means, variances } = twoMeans(sorted);
  const share = low / sorted.length;
  return { weights: [share, 1 - share], means, variances: [Math.max(floor, variances[0]), Math.max(floor, variances[1])] };
}

function mixtureOf(at: Components, inlier: 0 | 1, unit: number): Mixture {
  const anomaly = inlier === 0 ? 1 : 0;
  const ordered = (values: readonly [number, number]): [number, number] => [values[anomaly], values[inlier]];
  const [va, vi] = ordered(at.variances);
  const [ma, mi] = ordered(at.means);
  return { weights: ordered(at.weights), means: [ma * unit, mi * unit], sds: [Math.sqrt(va) * unit, Math.sqrt(vi) * unit] };
}

type Decided = Pick<Separation, "threshold" | "posterior" | "isInlier" | "inlierShare" | "flags">;

/** The number of inliers the floor asks for, of a population of `size`; 0 when it is off. */
const floorOf = (o: Resolved, size: number): number =>
  o.floorShare === 0 || o.tau > 1 ? 0 : Math.min(size, Math.max(o.floorCount, Math.ceil(o.floorShare * size)));

/** Decision under the guard: one threshold in score units, lowered to the floor where too few scores pass. */
function halfLine(scores: Float64Array, prepared: Prepared, decision: Decision, o: Resolved, flags: SeparationFlag[]): Decided {
  const { sorted, mean, zerosExcluded } = prepared;
  const least = zerosExcluded && o.tau > 0 ? Number.MIN_VALUE : -Infinity;
  let threshold = Math.max(least, decision.threshold === -Infinity ? -Infinity : BACKWARD[o.transform](decision.threshold) * mean);
  const floor = floorOf(o, scores.length) / scores.length;
  if (shareAtLeast(scores, threshold) < floor) {
    const kept = Math.min(sorted.length, Math.ceil(floor * scores.length * (sorted.length / positives(scores, zerosExcluded))));
    threshold = Math.min(threshold, sorted[sorted.length - kept]);
    flags.push("floor-share");
  }
  return {
    threshold,
    posterior: (h) => (zerosExcluded && h === 0 ? 0 : decision.posterior(FORWARD[o.transform](h / mean))),
    isInlier: (h) => h >= threshold,
    inlierShare: shareAtLeast(scores, threshold),
    flags,
  };
}

const positives = (scores: Float64Array, zerosExcluded: boolean): number =>
  zerosExcluded ? scores.reduce((n, h) => (h > 0 ? n + 1 : n), 0) : scores.length;

/** Decision by the literal eq. 11: inlier iff posterior >= tau, tau lowered to the floor where too few scores pass. */
function literally(scores: Float64Array, prepared: Prepared, decision: Decision, o: Resolved, flags: SeparationFlag[]): Decided {
  const { mean, zerosExcluded } = prepared;
  const posterior = (h: number): number => (zerosExcluded && h === 0 ? 0 : decision.posterior(FORWARD[o.transform](h / mean)));
  const values = scores.map(posterior);
  const floor = floorOf(o, scores.length);
  let tau = o.tau;
  if (floor > 0 && shareAtLeast(values, tau) * scores.length < floor) {
    tau = Math.min(tau, values.slice().sort()[scores.length - floor]);
    flags.push("floor-share");
  }
  return { threshold: Number.NaN, posterior, isInlier: (h) => posterior(h) >= tau, inlierShare: shareAtLeast(values, tau), flags };
}

/** The mixture separator of InlierQ eq. 10: `fitGmm` with its options bound. Errors: as `fitGmm`, when it fits. */
export const gmm1d = (options: GmmOptions = {}): Separator => ({ name: "gmm1d", fit: (scores) => fitGmm(scores, options) });
