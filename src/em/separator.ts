/** The names of the degenerate rules that can fire during a fit; a record carries them as they are. */
export type SeparationFlag =
  | "no-gradient"
  | "degenerate-constant"
  | "few-volumes"
  | "few-values"
  | "zeros-are-anomalies"
  | "collapsed-start"
  | "degenerate-collapse"
  | "degenerate-means"
  | "not-converged"
  | "floor-share";

/**
 * A two-component normal mixture, anomaly component first, inlier component second.
 *
 * Unit: of the transformed scores; with the transform "raw" that is the unit of the scores themselves.
 */
export interface Mixture {
  /** Shares of the population; they add up to 1. */
  readonly weights: readonly [number, number];
  /** In score units. */
  readonly means: readonly [number, number];
  /** Standard deviations in score units. */
  readonly sds: readonly [number, number];
}

/** How one population of saliency scores falls into inliers and anomalies (InlierQ eq. 10 and 11). */
export interface Separation {
  /** The fitted mixture; undefined where a degenerate rule decided, or the separator is no mixture. */
  readonly mixture: Mixture | undefined;
  /**
   * Inlier iff score >= threshold: -Infinity makes every score an inlier, Infinity none. NaN where the inlier set is
   * no half-line (`monotone: false`): ask `isInlier`.
   */
  readonly threshold: number;
  /** P(inlier | score), in [0, 1]. */
  posterior(score: number): number;
  /** Whether a score belongs to the inliers; InlierQ eq. 11. */
  isInlier(score: number): boolean;
  /** Share of the given scores that are inliers, in [0, 1]. */
  readonly inlierShare: number;
  /** Names of the degenerate rules that applied. */
  readonly flags: readonly SeparationFlag[];
  /** Mean log-likelihood per score before every update and after the last; empty where nothing was iterated. */
  readonly trace: readonly number[];
}

/** Splits saliency scores (finite, >= 0) into inliers and anomalies. */
export interface Separator {
  /** As the record writes it. */
  readonly name: string;
  /** Splits a population: scores [n], finite and >= 0. Errors: ArgumentError for others. */
  fit(scores: Float64Array): Separation;
}
