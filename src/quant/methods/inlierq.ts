import { gmm1d, kmeans1d, type Separator, svm1d } from "../../em/index.ts";
import { ArgumentError, StateError } from "../../errors.ts";
import { choosers } from "../choosers.ts";
import type { SaliencyLoss } from "../evidence.ts";
import { defineMethod, type Method, type Refinement, type Selection } from "../method.ts";
import { type FisherOptions, importanceOf } from "../objective/importance.ts";
import { inlierError, outputError } from "../objective/reconstruction.ts";
import { masked } from "../observer/masked.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";
import { salient } from "../reconstruct/evidence.ts";
import type { UnitObjective } from "../reconstruct/reconstruction.ts";
import { descentOf } from "../reconstruct/settings.ts";
import { gridRefiner, type Refiner } from "../refine.ts";
import { ADAM_DEFAULTS, adamRefiner } from "../refineAdam.ts";
import { DEFAULTS, type InlierqOptions, type LearnOptions, learnOf, SHAPE } from "./inlierqOptions.ts";
import { BIAS_RATE, ROUNDING_RATE, searchedRanges, weightStage } from "./learning.ts";
import { dropped, dropping } from "./qdrop.ts";

/** InlierQ, ICLR 2026. Algorithm 1; eq. 7 and 9-12. Errors: ArgumentError for a rho outside [0, 1], and for a tau to be found that has no say. */
export const inlierq = defineMethod(SHAPE, make);

/** What "auto" tries. */
const TAUS = [0.1, 0.3, 0.5, 0.7, 0.9];

function make(options: InlierqOptions): Method {
  const o = { ...DEFAULTS, ...options, adam: { ...ADAM_DEFAULTS, ...options.adam }, learn: learnOf(options) };
  const { rho, fisher, lambdaInlier, lambdaAnomaly, rows } = o;
  const weighting = { fisher, damping: rho, lambdaI: lambdaInlier, lambdaA: lambdaAnomaly };
  if (!(rho >= 0 && rho <= 1)) throw new ArgumentError("inlierq", `rho must be in [0, 1], got ${rho}`);
  const refiner = REFINERS[o.refine](o);
  const selection = selectionOf(o);
  return {
    name: "inlierq",
    cite: "InlierQ, ICLR 2026",
    about: "Activation ranges of the volumes that matter for detection, told apart by a mixture model, refined on output errors.",
    options: o,
    weightObserver: o.weights === "nearest" ? ({ axis }) => minmaxObserver({ axis }) : searchedRanges.weightObserver,
    activationObserver: ({ axis }) => masked(minmaxObserver({ axis })),
    selection,
    ...tuningOf(o),
    ...LEARNING[o.weights](o.learn, selection, weighting),
    ...(refiner && {
      refinement: {
        refiner,
        target: o.objective,
        through: THROUGH[o.refineThrough],
        importance: ({ gradients, inlier, view, rows: volumes }) =>
          importanceOf(gradients, inlier, { samples: 1, channels: view.outputs, volumes }, weighting),
        anomalies: lambdaAnomaly > 0,
        rows,
        floats: o.rowFloats,
      },
    }),
  };
}

type Complete = InlierqOptions & Required<Pick<InlierqOptions, keyof typeof DEFAULTS>>;

/** Which volumes count: saliency from the loss, a split of it, and what becomes of the split. */
const selectionOf = (o: Complete): Selection => ({
  loss: lossOf(o),
  separator: SEPARATORS[o.separator](o),
  chooser: choosers[o.selection],
  maxScores: o.maxScores,
});

/** The loss, where defaults are left out. */
const lossOf = ({ topK, topKMode, peaks, minScore, fisherTargets }: Complete): SaliencyLoss => ({
  topK,
  mode: topKMode,
  ...(peaks && { peaks }),
  ...(minScore > 0 && { minScore }),
  ...(fisherTargets !== "plugin" && { targets: fisherTargets }),
});

/** The same method at every tau that "auto" tries. */
function tuningOf(o: Complete): Pick<Method, "tuning"> {
  if (o.tau !== "auto") return {};
  const idle = o.separator !== "em" ? `separator "${o.separator}"` : IDLE.has(o.selection) ? `selection "${o.selection}"` : undefined;
  if (idle) throw new ArgumentError("inlierq", `tau "auto" must have something to decide, got ${idle}`);
  return { tuning: { option: "tau", candidates: TAUS.map((tau) => ({ value: tau, method: make({ ...o, tau }) })) } };
}

/** Choosers that no threshold changes. */
const IDLE: ReadonlySet<string> = new Set([choosers.soft.name, choosers.all.name]);

const SEPARATORS: Readonly<Record<NonNullable<InlierqOptions["separator"]>, (o: InlierqOptions) => Separator>> = {
  em: ({ transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor }) =>
    tau === "auto" ? unchosen : gmm1d(given({ transform, tau, monotone, floorShare, iterations, tolerance, varianceFloor })),
  kmeans: () => kmeans1d(),
  svm: () => svm1d(),
};

/** Stands where tau is still to be found. */
const unchosen: Separator = {
  name: "gmm1d",
  fit() {
    throw new StateError("inlierq", 'tau must be chosen before calibration, got "auto" (tuneMethod chooses it)');
  },
};

const THROUGH: Readonly<Record<NonNullable<InlierqOptions["refineThrough"]>, Refinement["through"]>> = {
  float: (float) => float,
  rounded: (_, rounded) => rounded,
};

const REFINERS: Readonly<Record<NonNullable<InlierqOptions["refine"]>, (o: InlierqOptions) => Refiner | undefined>> = {
  grid: () => gridRefiner(),
  adam: ({ adam }) => adamRefiner(adam),
  none: () => undefined,
};

type Learning = Pick<Method, "reconstruction">;
type Learner = (learn: Required<LearnOptions>, selection: Selection, weighting: FisherOptions) => Learning;

/** Errors that learned weights lower, by the names of the options. */
const ERRORS: Readonly<Record<NonNullable<LearnOptions["errors"]>, (selection: Selection, weighting: FisherOptions) => UnitObjective>> = {
  all: () => outputError(),
  inliers(selection, weighting) {
    if (weighting.fisher === "rank1") {
      throw new ArgumentError(
        "inlierq",
        'learn.errors "inliers" must weigh single errors, got fisher "rank1" (take "diag", "volume" or "none")',
      );
    }
    return inlierError(salient(selection.loss, selection), weighting);
  },
};

/** What learns weights, by the names of the options. */
const LEARNING: Readonly<Record<NonNullable<InlierqOptions["weights"]>, Learner>> = {
  nearest: () => ({}),
  adaround({ unit, errors, ...descent }, selection, weighting) {
    const stage = weightStage({ rate: ROUNDING_RATE, biasRate: BIAS_RATE }, ERRORS[errors](selection, weighting));
    return { reconstruction: { unit, stages: [stage], descent: descentOf(descent) } };
  },
  qdrop: ({ unit, errors: _, ...descent }) => ({ reconstruction: { unit, stages: [dropping(dropped({}))], descent: descentOf(descent) } }),
};

/** Drops undefined entries, so that they do not override a default. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
