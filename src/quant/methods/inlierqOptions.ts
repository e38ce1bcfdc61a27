import { z } from "zod";
import { GMM_DEFAULTS, type GmmOptions } from "../../em/index.ts";
import type { Grain } from "../../graph/index.ts";
import { choosers } from "../choosers.ts";
import type { SaliencyLoss } from "../evidence.ts";
import type { FisherForm } from "../objective/importance.ts";
import { DESCENT_SHAPE, type DescentSettings, settingsOf } from "../reconstruct/settings.ts";
import type { AdamRefinerOptions } from "../refineAdam.ts";

/** How the method learns weights. */
export interface LearnOptions extends DescentSettings {
  /** What learns at a time. Default "layer", and "block" with weights "qdrop". */
  readonly unit?: Grain;
  /**
   * What counts with weights "adaround": all errors alike (default), or those of inliers by their gradients, as in refinement
   * ("inliers"). The second leaves the other volumes to anything, and finds fewer objects (docs/decisions/008-learning.md).
   */
  readonly errors?: "all" | "inliers";
}

/** Every decision of the method, with its default. */
export interface InlierqOptions
  extends Pick<GmmOptions, "transform" | "monotone" | "floorShare" | "iterations" | "tolerance" | "varianceFloor"> {
  /**
   * Inlier iff P(inlier | score) >= tau. Default 0.5; <= 0: every score, > 1: none. "auto" tries 0.1, 0.3, 0.5, 0.7 and 0.9
   * and takes the one whose outputs lose least on held-out samples (`tuneMethod`). Unstated in the paper.
   */
  readonly tau?: number | "auto";
  /**
   * Which volumes count once inliers are known: they (default, eq. 11), all of them with P(I|h) as the weight of errors
   * ("soft"), all alike ("all"), the complement ("anomalies"), or as many of each map drawn by chance ("random") or by
   * their L1 norm ("magnitude"): the controls that the paper leaves out.
   */
  readonly selection?: keyof typeof choosers;
  /** K of eq. 7. Default "cap": the detector's cap on detections. Unstated in the paper per detector. */
  readonly topK?: number | "cap";
  /** Whether the K largest entries are taken per class (default, eq. 7) or over all classes. */
  readonly topKMode?: SaliencyLoss["mode"];
  /** Whether only entries count in eq. 7 that are the greatest of their 3 x 3 neighbourhood. Default false. */
  readonly peaks?: boolean;
  /** Entries below this score do not count in eq. 7. Default 0. */
  readonly minScore?: number;
  /** "plugin" (default): eq. 7's own gradients; "expected": each entry's times sqrt(H / (1 - H)), which makes its square H (1 - H). */
  readonly fisherTargets?: "plugin" | "expected";
  /** "em" (default, eq. 10), or the paper's Table 3 alternatives. */
  readonly separator?: "em" | "kmeans" | "svm";
  /** Scores per fit, over all samples. Default 20000. */
  readonly maxScores?: number;
  /** What refinement compares: reader outputs (default) or the quantized tensor. Unstated in the paper. */
  readonly objective?: "output" | "self";
  /** How gradients weigh errors (eq. 4). Default "diag". */
  readonly fisher?: FisherForm;
  /** Damping of the Fisher weights, in [0, 1]. Default 0.1. */
  readonly rho?: number;
  /** Weight of inliers and anomalies in the objective (eq. 6, 12). Default 1 and 0. */
  readonly lambdaInlier?: number;
  /** Default 0. */
  readonly lambdaAnomaly?: number;
  /** "grid" (default), "adam", or "none" for the mask's min-max as it is (T = 0). */
  readonly refine?: "grid" | "adam" | "none";
  /**
   * Weights that outputs of quantized inputs are computed with: "float" (default), or "rounded" as Algorithm 1 has them by
   * then. Departure: what rounding alone does to outputs is taken back by corrected or learned biases; grids that make up for
   * it do harm (docs/decisions/010-refinement.md).
   */
  readonly refineThrough?: "float" | "rounded";
  /** Options of the Adam refiner. */
  readonly adam?: AdamRefinerOptions;
  /**
   * How weights are rounded: to nearest (default, the paper), learned before refinement ("adaround"), or after
   * it, together with scales and with quantization dropped at random ("qdrop").
   */
  readonly weights?: "nearest" | "adaround" | "qdrop";
  /** Options of the descents; weights that are rounded to nearest take none. */
  readonly learn?: LearnOptions;
  /** Output volumes per site that refinement sees. Default 4096. */
  readonly rows?: number;
  /** Floats kept per layer for them: wide layers get fewer volumes. Default 2^20. */
  readonly rowFloats?: number;
}

const { transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor } = GMM_DEFAULTS;

/** Defaults of the options; those of the fit are its own. */
export const DEFAULTS = {
  ...{ transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor },
  topK: "cap",
  topKMode: "perClass",
  peaks: false,
  minScore: 0,
  fisherTargets: "plugin",
  selection: "inliers",
  separator: "em",
  maxScores: 20_000,
  objective: "output",
  fisher: "diag",
  rho: 0.1,
  lambdaInlier: 1,
  lambdaAnomaly: 0,
  refine: "grid",
  refineThrough: "float",
  weights: "nearest",
  rows: 4096,
  rowFloats: 2 ** 20,
} as const satisfies InlierqOptions;

/** The options of learning with their defaults. */
export const learnOf = ({ weights = DEFAULTS.weights, learn = {} }: InlierqOptions): Required<LearnOptions> => ({
  unit: learn.unit ?? (weights === "qdrop" ? "block" : "layer"),
  errors: learn.errors ?? "all",
  ...settingsOf(learn),
});

const count = z.int().min(1);
const share = z.number().min(0).max(1);

/** Schema of the options. */
export const SHAPE = {
  topK: z.union([count, z.literal("cap")]),
  topKMode: z.enum(["perClass", "joint"]),
  peaks: z.boolean(),
  minScore: share,
  fisherTargets: z.enum(["plugin", "expected"]),
  selection: z.enum(Object.keys(choosers) as [keyof typeof choosers]),
  separator: z.enum(["em", "kmeans", "svm"]),
  maxScores: z.int().min(32),
  transform: z.enum(["raw", "sqrt", "log"]),
  tau: z.union([z.number(), z.literal("auto")]),
  monotone: z.boolean(),
  floorShare: share,
  iterations: count,
  tolerance: z.number().min(0),
  varianceFloor: z.number().min(0),
  objective: z.enum(["output", "self"]),
  fisher: z.enum(["diag", "volume", "rank1", "none"]),
  rho: share,
  lambdaInlier: z.number().min(0),
  lambdaAnomaly: z.number().min(0),
  refine: z.enum(["grid", "adam", "none"]),
  refineThrough: z.enum(["float", "rounded"]),
  adam: z.strictObject({ steps: count, scaleRate: z.number().positive(), zeroPointRate: z.number().positive() }).partial(),
  weights: z.enum(["nearest", "adaround", "qdrop"]),
  learn: z.strictObject({ ...DESCENT_SHAPE, unit: z.enum(["layer", "block", "network"]), errors: z.enum(["all", "inliers"]) }).partial(),
  rows: z.int().min(16),
  rowFloats: z.int().min(1024),
};
