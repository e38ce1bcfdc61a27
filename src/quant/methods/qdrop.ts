import { z } from "zod";
import { rounding } from "../learner/rounding.ts";
import { stepSize } from "../learner/stepSize.ts";
import { defineMethod } from "../method.ts";
import { outputError } from "../objective/reconstruction.ts";
import type { LearningStage } from "../reconstruct/reconstruction.ts";
import { type DescentSettings, descentOf, settingsOf } from "../reconstruct/settings.ts";
import { BIAS_RATE, LEARNING_SHAPE, type LearningOptions, learningBiases, ROUNDING_RATE, SCALE_RATE, searchedRanges } from "./learning.ts";

/** What is dropped and how fast things are learned. */
export interface DroppingOptions extends Pick<LearningOptions, "rate" | "biasRate"> {
  /** Share of the elements that are quantized in a step. Default 0.5. */
  readonly kept?: number;
  /** Learning rate of the logarithms of activation scales. Default 0.005. */
  readonly scaleRate?: number;
}

/** Options of the method. */
export interface QdropOptions extends DescentSettings, DroppingOptions {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
}

/** Schemas of the options above. */
export const DROPPING_SHAPE = { ...LEARNING_SHAPE, kept: z.number().min(0).max(1), scaleRate: z.number().min(0) };

/** Rounding and scales learned together from outputs of the float network, with quantization dropped at random. */
export const dropping = ({ kept, rate, biasRate, scaleRate }: Required<DroppingOptions>): LearningStage => ({
  name: "weights and scales",
  weights: rounding(rate),
  ...learningBiases(biasRate),
  activations: stepSize(scaleRate),
  quantizesActivations: true,
  input: "quantized",
  kept,
  objective: outputError(),
});

/** The options above with their defaults. */
export const dropped = (given: { readonly [K in keyof DroppingOptions]: DroppingOptions[K] | undefined }): Required<DroppingOptions> => ({
  kept: given.kept ?? 0.5,
  rate: given.rate ?? ROUNDING_RATE,
  biasRate: given.biasRate ?? BIAS_RATE,
  scaleRate: given.scaleRate ?? SCALE_RATE,
});

/**
 * Rounding and activation scales learned together, with the quantization of random elements dropped. Source: Wei et al.
 * 2022 (QDrop), section 4; `kept` is the probability that its code calls drop_prob.
 */
export const qdrop = defineMethod(DROPPING_SHAPE, ({ unit = "block", kept, rate, biasRate, scaleRate, ...descent }: QdropOptions) => {
  const options = dropped({ kept, rate, biasRate, scaleRate });
  return {
    name: "qdrop",
    cite: "QDrop, ICLR 2022",
    about: "Rounding and activation scales learned block by block, with the quantization of random elements dropped.",
    options: { unit, ...options, ...settingsOf(descent) },
    ...searchedRanges,
    reconstruction: { unit, stages: [dropping(options)], descent: descentOf(descent) },
  };
});
