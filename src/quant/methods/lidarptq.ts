import { z } from "zod";
import { rounding } from "../learner/rounding.ts";
import { stepSize } from "../learner/stepSize.ts";
import { defineMethod } from "../method.ts";
import { pseudoLabels } from "../objective/pseudoLabels.ts";
import { outputError } from "../objective/reconstruction.ts";
import { mse } from "../observer/mse.ts";
import { descentOf, settingsOf } from "../reconstruct/settings.ts";
import {
  BIAS_RATE,
  GLOBAL_EVERY,
  GLOBAL_SHAPE,
  type GlobalOptions,
  LEARNING_SHAPE,
  type LearningOptions,
  learningBiases,
  ROUNDING_RATE,
  SCALE_RATE,
} from "./learning.ts";

/** Options of the method. */
export interface LidarptqOptions extends LearningOptions, GlobalOptions {
  /** What learns at a time. Default "layer". */
  readonly unit?: "layer" | "block" | "network";
  /** Least score of a pseudo label. Default 0.1. */
  readonly gamma?: number;
  /** Most pseudo labels of a sample. Default 500. */
  readonly topK?: number;
  /** Weight of the boxes beside the scores. Default 0.25. */
  readonly alpha?: number;
  /** Learning rate of the logarithms of activation scales. Default 0.005. */
  readonly scaleRate?: number;
}

const SHAPE = {
  ...LEARNING_SHAPE,
  ...GLOBAL_SHAPE,
  gamma: z.number().min(0).max(1),
  topK: z.int().min(1),
  alpha: z.number().min(0),
  scaleRate: z.number().min(0),
};

/**
 * Ranges of least squared error, learned rounding, and a loss against the boxes that the float network finds (task-guided
 * global positive loss). Source: Zhou et al. 2024 (LiDAR-PTQ), section 3; its code was never released.
 *
 * Unstated: the balance of the two losses; here each counts relative to its start.
 */
export const lidarptq = defineMethod(SHAPE, (options: LidarptqOptions) => {
  const {
    unit = "layer",
    gamma = 0.1,
    topK = 500,
    alpha = 0.25,
    rate = ROUNDING_RATE,
    biasRate = BIAS_RATE,
    scaleRate = SCALE_RATE,
    globalEvery = GLOBAL_EVERY,
    ...descent
  } = options;
  return {
    name: "lidarptq",
    cite: "LiDAR-PTQ, ICLR 2024",
    about: "Rounding and scales learned layer by layer, with a loss against the boxes that the float network finds.",
    options: { unit, gamma, topK, alpha, rate, biasRate, scaleRate, globalEvery, ...settingsOf(descent) },
    weightObserver: (scheme) => mse({ scheme, p: 2, seed: 0 }),
    activationObserver: (scheme, seed) => mse({ scheme, p: 2, seed }),
    reconstruction: {
      unit,
      stages: [
        {
          name: "weights and scales",
          weights: rounding(rate),
          ...learningBiases(biasRate),
          activations: stepSize(scaleRate),
          quantizesActivations: true,
          input: "quantized",
          objective: outputError(),
          global: { objective: pseudoLabels({ gamma, topK, alpha }), every: globalEvery },
        },
      ],
      descent: descentOf(descent),
    },
  };
});
