import { z } from "zod";
import { stepSize } from "../learner/stepSize.ts";
import { defineMethod } from "../method.ts";
import { fisherError, fullFisherError, outputError } from "../objective/reconstruction.ts";
import { divergence } from "../reconstruct/evidence.ts";
import type { UnitObjective } from "../reconstruct/reconstruction.ts";
import { descentOf, settingsOf } from "../reconstruct/settings.ts";
import {
  BIAS_RATE,
  LEARNING_SHAPE,
  type LearningOptions,
  RANGE_POWER,
  ROUNDING_RATE,
  SCALE_RATE,
  searchedRanges,
  weightStage,
} from "./learning.ts";

/** Options of the method. */
export interface BrecqOptions extends LearningOptions {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
  /** How errors are weighed. Default "fisherDiag", as the paper; the published script has "mse". */
  readonly objective?: "mse" | "fisherDiag" | "fisherFull";
  /** Added to |g|: 1 in the published code, 0 in the paper. Default 0. */
  readonly damping?: number;
  /** Learning rate of the logarithms of activation scales. Default 0.005. */
  readonly scaleRate?: number;
}

const SHAPE = {
  ...LEARNING_SHAPE,
  objective: z.enum(["mse", "fisherDiag", "fisherFull"]),
  damping: z.number().min(0),
  scaleRate: z.number().min(0),
};

const OBJECTIVES: Readonly<Record<NonNullable<BrecqOptions["objective"]>, (damping: number) => UnitObjective>> = {
  mse: () => outputError(),
  fisherDiag: (damping) => fisherError(divergence, { added: damping }),
  fisherFull: (damping) => fullFisherError(divergence, damping),
};

/**
 * Learned rounding, block by block, with errors weighed by squared gradients of the difference of the predictions; then
 * activation scales, with weights on their grids and float inputs. Source: Li et al. 2021 (BRECQ), eq. 10 and section 3.4.
 *
 * Departure: the first layer learns as the others do, where the published code leaves it at nearest rounding.
 */
export const brecq = defineMethod(SHAPE, (options: BrecqOptions) => {
  const {
    unit = "block",
    objective = "fisherDiag",
    damping = 0,
    rate = ROUNDING_RATE,
    biasRate = BIAS_RATE,
    scaleRate = SCALE_RATE,
    ...descent
  } = options;
  return {
    name: "brecq",
    cite: "BRECQ, ICLR 2021",
    about: "Rounding learned block by block with errors weighed by squared gradients; then activation scales.",
    options: { unit, objective, damping, rate, biasRate, scaleRate, ...settingsOf(descent) },
    ...searchedRanges,
    reconstruction: {
      unit,
      stages: [
        weightStage({ rate, biasRate }, OBJECTIVES[objective](damping)),
        {
          name: "scales",
          activations: stepSize(scaleRate),
          quantizesActivations: true,
          input: "float",
          objective: outputError(RANGE_POWER),
        },
      ],
      descent: descentOf(descent),
    },
  };
});
