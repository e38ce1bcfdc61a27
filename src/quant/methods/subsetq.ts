import { byGrid } from "../learner/byGrid.ts";
import { levelScaling } from "../learner/levelScaling.ts";
import { rounding } from "../learner/rounding.ts";
import { defineMethod, onLevels } from "../method.ts";
import { outputError } from "../objective/reconstruction.ts";
import { subset } from "../quantizer/subset.ts";
import { descentOf, settingsOf } from "../reconstruct/settings.ts";
import { BIAS_RATE, LEARNING_SHAPE, type LearningOptions, learningBiases, ROUNDING_RATE, searchedRanges } from "./learning.ts";

/** Options of the method. */
export interface SubsetqOptions extends LearningOptions {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
  /** Learning rate of the factors on weights and scales. Default 0.006 (docs/decisions/008-learning.md). */
  readonly rate?: number;
}

/** More bits have more magnitudes than the universal set. */
const MOST_BITS = 4;

/**
 * Weights on a sign and a few of 15 magnitudes that suit bit shifts, chosen for each layer; then factors on weights and
 * scales learned block by block. The first layer, matrix products and weights of more than 4 bits stay on uniform grids and
 * learn their rounding. Source: Oh et al. 2022 (SubSetQ).
 *
 * Unstated: activations, which its code leaves in float; here they get ranges of least error.
 */
export const subsetq = defineMethod(
  LEARNING_SHAPE,
  ({ unit = "block", rate = 0.006, biasRate = BIAS_RATE, ...descent }: SubsetqOptions) => ({
    name: "subsetq",
    cite: "SubSetQ, ECCV 2022",
    about: "Weights on few magnitudes that suit bit shifts, chosen for each layer; then factors learned.",
    options: { unit, rate, biasRate, ...settingsOf(descent) },
    ...searchedRanges,
    weightLevels: (layer, { bits }, { first }) => (first || layer.kind === "matmul" || bits > MOST_BITS ? undefined : onLevels(subset)),
    reconstruction: {
      unit,
      stages: [
        {
          name: "weights",
          weights: byGrid(rounding(ROUNDING_RATE), levelScaling(rate)),
          ...learningBiases(biasRate),
          quantizesActivations: false,
          input: "quantized",
          objective: outputError(),
        },
      ],
      descent: descentOf(descent),
    },
  }),
);
