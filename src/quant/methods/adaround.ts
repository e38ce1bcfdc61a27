import { defineMethod } from "../method.ts";
import { outputError } from "../objective/reconstruction.ts";
import { descentOf, settingsOf } from "../reconstruct/settings.ts";
import { BIAS_RATE, LEARNING_SHAPE, type LearningOptions, ROUNDING_RATE, searchedRanges, weightStage } from "./learning.ts";

/** Options of the method. */
export interface AdaroundOptions extends LearningOptions {
  /** What learns at a time. Default "layer". */
  readonly unit?: "layer" | "block" | "network";
}

/**
 * Learned rounding of weights, layer by layer, from inputs of the network quantized so far to outputs of the float one;
 * activations are quantized after it, by ranges of least error. Source: Nagel et al. 2020 (AdaRound), eq. 21-25.
 */
export const adaround = defineMethod(
  LEARNING_SHAPE,
  ({ unit = "layer", rate = ROUNDING_RATE, biasRate = BIAS_RATE, ...descent }: AdaroundOptions) => ({
    name: "adaround",
    cite: "AdaRound, ICML 2020",
    about: "Rounding of weights learned layer by layer; activation ranges of least error.",
    options: { unit, rate, biasRate, ...settingsOf(descent) },
    ...searchedRanges,
    reconstruction: {
      unit,
      stages: [weightStage({ rate, biasRate }, outputError())],
      descent: descentOf(descent),
    },
  }),
);
