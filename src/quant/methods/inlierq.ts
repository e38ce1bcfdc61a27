import { z } from "zod";
import { GMM_DEFAULTS, type GmmOptions, gmm1d, kmeans1d, type Separator, svm1d } from "../../em/index.ts";
import { ArgumentError } from "../../errors.ts";
import type { SaliencyLoss } from "../evidence.ts";
import { rounding } from "../learner/rounding.ts";
import { defineMethod, type Method } from "../method.ts";
import { type FisherForm, type FisherOptions, importanceOf } from "../objective/importance.ts";
import { inlierError } from "../objective/reconstruction.ts";
import { masked } from "../observer/masked.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";
import { salient } from "../reconstruct/evidence.ts";
import type { LearningStage } from "../reconstruct/reconstruction.ts";
import { DESCENT_SHAPE, type DescentSettings, descentOf, settingsOf } from "../reconstruct/settings.ts";
import { gridRefiner, type Refiner } from "../refine.ts";
import { ADAM_DEFAULTS, type AdamRefinerOptions, adamRefiner } from "../refineAdam.ts";
import { BIAS_RATE, learningBiases, ROUNDING_RATE, searchedRanges } from "./learning.ts";
import { dropped, dropping } from "./qdrop.ts";

/** Every decision of the method, with its default. */
export interface InlierqOptions
  extends Pick<GmmOptions, "transform" | "tau" | "monotone" | "floorShare" | "iterations" | "tolerance" | "varianceFloor"> {
  /** K of eq. 7. Default "cap": the detector's cap on detections. Unstated in the paper per detector. */
  readonly topK?: number | "cap";
  /** Whether the K largest entries are taken per class (default, eq. 7) or over all classes. */
  readonly topKMode?: SaliencyLoss["mode"];
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
  /** Options of the Adam refiner. */
  readonly adam?: AdamRefinerOptions;
  /**
   * How weights are rounded: to nearest (default, the paper), learned layer by layer with the objective of refinement
   * ("adaround"), or block by block after it, together with scales and with quantization dropped at random ("qdrop").
   */
  readonly weights?: "nearest" | "adaround" | "qdrop";
  /** Options of the descents. */
  readonly learn?: DescentSettings;
  /** Output volumes per site that refinement sees. Default 4096. */
  readonly rows?: number;
  /** Floats kept per layer for them: wide layers get fewer volumes. Default 2^20. */
  readonly rowFloats?: number;
}

const { transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor } = GMM_DEFAULTS;

const DEFAULTS = {
  ...{ transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor },
  topK: "cap",
  topKMode: "perClass",
  separator: "em",
  maxScores: 20_000,
  objective: "output",
  fisher: "diag",
  rho: 0.1,
  lambdaInlier: 1,
  lambdaAnomaly: 0,
  refine: "grid",
  weights: "nearest",
  rows: 4096,
  rowFloats: 2 ** 20,
} as const satisfies InlierqOptions;

const count = z.int().min(1);
const share = z.number().min(0).max(1);

const SHAPE = {
  topK: z.union([count, z.literal("cap")]),
  topKMode: z.enum(["perClass", "joint"]),
  separator: z.enum(["em", "kmeans", "svm"]),
  maxScores: z.int().min(32),
  transform: z.enum(["raw", "sqrt", "log"]),
  tau: z.number(),
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
  adam: z.strictObject({ steps: count, scaleRate: z.number().positive(), zeroPointRate: z.number().positive() }).partial(),
  weights: z.enum(["nearest", "adaround", "qdrop"]),
  learn: z.strictObject(DESCENT_SHAPE).partial(),
  rows: z.int().min(16),
  rowFloats: z.int().min(1024),
};

/** InlierQ, ICLR 2026. Algorithm 1; eq. 7 and 9-12. Errors: ArgumentError for a rho outside [0, 1]. */
export const inlierq = defineMethod(SHAPE, make);

function make(options: InlierqOptions): Method {
  const o = { ...DEFAULTS, ...options, adam: { ...ADAM_DEFAULTS, ...options.adam }, learn: settingsOf(options.learn ?? {}) };
  const { rho, fisher, lambdaInlier, lambdaAnomaly, rows } = o;
  const weighting = { fisher, damping: rho, lambdaI: lambdaInlier, lambdaA: lambdaAnomaly };
  if (!(rho >= 0 && rho <= 1)) throw new ArgumentError("inlierq", `rho must be in [0, 1], got ${rho}`);
  const refiner = REFINERS[o.refine](o);
  return {
    name: "inlierq",
    cite: "InlierQ, ICLR 2026",
    about: "Activation ranges of the volumes that matter for detection, told apart by a mixture model, refined on output errors.",
    options: o,
    weightObserver: o.weights === "nearest" ? ({ axis }) => minmaxObserver({ axis }) : searchedRanges.weightObserver,
    activationObserver: ({ axis }) => masked(minmaxObserver({ axis })),
    selection: { loss: { topK: o.topK, mode: o.topKMode }, separator: SEPARATORS[o.separator](o), maxScores: o.maxScores },
    ...LEARNING[o.weights](o, SEPARATORS[o.separator](o), weighting),
    ...(refiner && {
      refinement: {
        refiner,
        target: o.objective,
        importance: ({ gradients, inlier, view, rows: volumes }) =>
          importanceOf(gradients, inlier, { samples: 1, channels: view.outputs, volumes }, weighting),
        anomalies: lambdaAnomaly > 0,
        rows,
        floats: o.rowFloats,
      },
    }),
  };
}

const SEPARATORS: Readonly<Record<NonNullable<InlierqOptions["separator"]>, (o: InlierqOptions) => Separator>> = {
  em: ({ transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor }) =>
    gmm1d(given({ transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor })),
  kmeans: () => kmeans1d(),
  svm: () => svm1d(),
};

const REFINERS: Readonly<Record<NonNullable<InlierqOptions["refine"]>, (o: InlierqOptions) => Refiner | undefined>> = {
  grid: () => gridRefiner(),
  adam: ({ adam }) => adamRefiner(adam),
  none: () => undefined,
};

type Learning = Pick<Method, "reconstruction">;

/** What learns weights, by the names of the options. */
const LEARNING: Readonly<Record<NonNullable<InlierqOptions["weights"]>, (o: InlierqOptions, s: Separator, f: FisherOptions) => Learning>> =
  {
    nearest: () => ({}),
    adaround(o, separator, weighting) {
      const { topK = DEFAULTS.topK, topKMode = DEFAULTS.topKMode, maxScores = DEFAULTS.maxScores } = o;
      const evidence = salient((detector) => ({ topK: topK === "cap" ? detector.maxDetections : topK, mode: topKMode }), {
        separator,
        maxScores,
      });
      const objective = inlierError(evidence, weighting);
      const stage: LearningStage = {
        name: "weights",
        weights: rounding(ROUNDING_RATE),
        ...learningBiases(BIAS_RATE),
        quantizesActivations: false,
        input: "quantized",
        objective,
      };
      return { reconstruction: { unit: "layer", stages: [stage], descent: descentOf(o.learn ?? {}) } };
    },
    qdrop: ({ learn = {} }) => ({ reconstruction: { unit: "block", stages: [dropping(dropped({}))], descent: descentOf(learn) } }),
  };

/** Drops undefined entries, so that they do not override a default. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
