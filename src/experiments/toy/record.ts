/** Version of the layout of `ToyRecord`. */
export const TOY_VERSION = 2;

/** What a study of two toy nets runs on. */
export interface ToyConfig {
  /** One pair of nets a seed. */
  readonly seeds: readonly number[];
  /** Full-batch steps of each training. */
  readonly epochs: number;
  /** Points of the quadratic. */
  readonly points: number;
  /** Noise draws for each sigma. */
  readonly draws: number;
  /** Sizes of the weight noise, ascending, in weight units. */
  readonly sigmas: readonly number[];
  /** Shrink factors of the scale, evenly spaced over [0.2, 1.2]. */
  readonly candidates: number;
}

/** The nets: the quadratic by squared error, the quadratic by absolute error, and the irises by cross entropy. */
export const NETS = ["regressor", "regressorL1", "classifier"] as const;
export type NetName = (typeof NETS)[number];

/** Noise on weights: N(0, sigma²); uniform on [-sigma, sigma); uniform of variance sigma², on [-√3 sigma, √3 sigma). */
export const NOISES = ["normal", "uniform", "uniformSameVariance"] as const;
export type NoiseName = (typeof NOISES)[number];

/** A trained net. */
export interface NetRecord {
  /** Mean training loss: squared error, absolute error or nats. */
  readonly loss: number;
  /** R² of a regressor, accuracy of a classifier, on the training data. */
  readonly quality: number;
}

/** How far the output moves, one number a sigma, mean over draws. */
export interface NoiseCurves {
  /** Mean squared change of the output; of the logits for a classifier. */
  readonly raw: readonly number[];
  /** `raw` over the variance of the undisturbed output. */
  readonly relative: readonly number[];
  /** Mean squared change of the class probabilities; null for a regressor. */
  readonly probabilities: readonly number[] | null;
}

/** Where the weight error and the task loss are least, as shrink factors. */
export interface Argmins {
  readonly weight: number;
  readonly task: number;
  /** Distance of the two. */
  readonly gap: number;
  /** Distance from `weight` to the nearest factor with the fewest wrong classes; null for a regressor. */
  readonly errorGap: number | null;
  /** Task loss at `weight` above the least, in parts of the median candidate's. */
  readonly regret: number;
}

/** INT4 scales from 0.2 to 1.2 of max|W| / 7. */
export interface SweepRecord {
  /** All weights quantized with one factor: the mean squared weight error and the task loss of each candidate. */
  readonly weightMse: readonly number[];
  readonly task: readonly number[];
  readonly joint: Argmins;
  /** Each layer quantized by itself, the others as they are. */
  readonly layers: readonly Argmins[];
}

/** Form of the weights. */
export interface WeightsRecord {
  /** Excess kurtosis of each layer: 0 for a normal law, 3 for a Laplace law. */
  readonly kurtosis: readonly number[];
  /** Mean excess kurtosis of the hidden layers, which have the same shape in all nets. */
  readonly hiddenKurtosis: number;
  /** The same before training, and without the five largest magnitudes of each layer (2 %). */
  readonly startKurtosis: number;
  readonly trimmedKurtosis: number;
  /** The largest magnitude of a hidden layer in root mean squares of the layer, the larger of the two. */
  readonly largest: number;
  /** Mean entropy of the hidden layers' histograms, in bits: less is more concentrated. */
  readonly hiddenEntropy: number;
  /** Shares of the hidden layers' weights over [-4, 4] of their root mean square, outer ones in the end bins. */
  readonly histogram: readonly number[];
}

/** What is held against the task loss: by weights, by the layer's output, by first and by second derivatives. */
export const ESTIMATES = ["weightMse", "outputMse", "fisher", "modelFisher", "gaussNewton", "hessian", "taylor"] as const;
export type EstimateName = (typeof ESTIMATES)[number];

/** Estimates of the loss over the scale candidates of one layer at a time. */
export interface CurvatureRecord {
  /** Rank correlation of each estimate with the increase of the task loss, mean over the layers. */
  readonly correlation: Readonly<Record<EstimateName, number>>;
  /** Distance of the argmins of estimate and task loss, in shrink factors, mean over the layers. */
  readonly gap: Readonly<Record<EstimateName, number>>;
  /** The second layer: the increase of the task loss, and each estimate, for every candidate. */
  readonly task: readonly number[];
  readonly estimates: Readonly<Record<EstimateName, readonly number[]>>;
}

/** Logarithmic-affine against uniform INT4 weights, 15 levels each. */
export interface LogAffineRecord {
  /** Squared error over squared weights, all layers. */
  readonly uniformError: number;
  readonly logError: number;
  /** Increase of the task loss with all layers quantized. */
  readonly uniformTask: number;
  readonly logTask: number;
  /** Entropy in bits of the magnitudes' histograms in 16 bins, before and after psi: 4 is uniform. */
  readonly entropy: number;
  readonly logEntropy: number;
  /** The same two of the weights before training. */
  readonly startEntropy: number;
  readonly startLogEntropy: number;
  /** Those histograms as shares, hidden layers. */
  readonly histogram: readonly number[];
  readonly logHistogram: readonly number[];
}

/** Everything measured with one seed. */
export interface ToySeed {
  readonly seed: number;
  /** y = a x² + b x + c. */
  readonly quadratic: { readonly a: number; readonly b: number; readonly c: number };
  readonly nets: Readonly<Record<NetName, NetRecord>>;
  readonly perturbation: Readonly<Record<"regressor" | "classifier", Readonly<Record<NoiseName, NoiseCurves>>>>;
  readonly sweep: Readonly<Record<NetName, SweepRecord>>;
  readonly weights: Readonly<Record<NetName, WeightsRecord>>;
  readonly curvature: Readonly<Record<"regressor" | "classifier", CurvatureRecord>>;
  readonly logAffine: Readonly<Record<NetName, LogAffineRecord>>;
}

export type Verdict = "holds" | "mixed" | "does not hold";

/** The paper; ours, to explain, from the start; ours, added after the first run to explain its numbers. */
export type ClaimSource = "paper" | "control" | "later control";

/** A claim held against the numbers. */
export interface ClaimRecord {
  readonly id: string;
  readonly of: ClaimSource;
  readonly claim: string;
  readonly rule: string;
  /** One number a seed. */
  readonly values: readonly number[];
  readonly mean: number;
  /** Standard deviation over the seeds (n - 1); 0 for a single one. */
  readonly deviation: number;
  /** How many seeds satisfy the rule. */
  readonly satisfied: number;
  readonly verdict: Verdict;
  /** What else is to know. */
  readonly note: string;
}

/** The account of a study; the same configuration gives the same record. */
export interface ToyRecord {
  readonly version: number;
  readonly experiment: "toy";
  /** Version of the package. */
  readonly package: string;
  readonly config: ToyConfig;
  /** The shrink factors tried. */
  readonly factors: readonly number[];
  readonly seeds: readonly ToySeed[];
  readonly claims: readonly ClaimRecord[];
}
