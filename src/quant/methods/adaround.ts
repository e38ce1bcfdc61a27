import { rounding } from "../learner/rounding.ts";
import { defineMethod } from "../method.ts";
import { outputError } from "../objective/reconstruction.ts";
import { type DescentSettings, descentOf, settingsOf } from "../reconstruct/settings.ts";
import { LEARNING_SHAPE, ROUNDING_RATE, searchedRanges } from "./learning.ts";

/** Options of the method. */
export interface AdaroundOptions extends DescentSettings {
  /** What learns at a time. Default "layer". */
  readonly unit?: "layer" | "block" | "network";
  /** Learning rate of the rounding variables. Default 0.02. */
  readonly rate?: number;
}

/**
 * Learned rounding of weights, layer by layer, from inputs of the network quantized so far to outputs of the float one;
 * activations are quantized after it, by ranges of least error. Source: Nagel et al. 2020 (AdaRound), eq. 21-25.
 */
export const adaround = defineMethod(LEARNING_SHAPE, ({ unit = "layer", rate = ROUNDING_RATE, ...descent }: AdaroundOptions) => ({
  name: "adaround",
  cite: "AdaRound, ICML 2020",
  about: "Rounding of weights learned layer by layer; activation ranges of least error.",
  options: { unit, rate, ...settingsOf(descent) },
  ...searchedRanges,
  reconstruction: {
    unit,
    stages: [{ name: "weights", weights: rounding(rate), quantizesActivations: false, input: "quantized", objective: outputError() }],
    descent: descentOf(descent),
  },
}));
