import { z } from "zod";
import { defineMethod } from "../method.ts";
import { predictionDifference } from "../objective/predictionDifference.ts";
import { type DescentSettings, descentOf, settingsOf } from "../reconstruct/settings.ts";
import { GLOBAL_EVERY, GLOBAL_SHAPE, type GlobalOptions, searchedRanges } from "./learning.ts";
import { DROPPING_SHAPE, type DroppingOptions, dropped, dropping } from "./qdrop.ts";

/** Options of the method. */
export interface PdquantOptions extends DescentSettings, DroppingOptions, GlobalOptions {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
  /** Divides the logits of the scores that are compared. Default 1. */
  readonly temperature?: number;
  /**
   * Whether the targets of units are corrected by the statistics that batch normalisations learned in training. Default
   * false: most exports hold none, since their normalisations were folded into convolutions.
   */
  readonly distribution?: boolean;
  /** Steps of the correction of each group of samples, where no budget decides. Default 20. */
  readonly correctionSteps?: number;
  /** What divides the distance that inputs are moved by the correction, > 0: more lets them move further. Default 0.02. */
  readonly correctionShare?: number;
}

const SHAPE = {
  ...DROPPING_SHAPE,
  ...GLOBAL_SHAPE,
  temperature: z.number().positive(),
  distribution: z.boolean(),
  correctionSteps: z.int().min(0),
  correctionShare: z.number().positive(),
};

/**
 * Learning rate of the correction, in activation units. Departure: the source takes 500 steps of 1e-3; 20 steps from 3e-3 down
 * end as low as 200 do on the units of UltraFace.
 */
const CORRECTION_RATE = 3e-3;

/**
 * QDrop with the difference of the predictions beside the error of each unit: the unit's output goes on through the rest
 * of the network in float, and its score map is compared with that of the float network. With `distribution`, units learn
 * from float inputs and targets that have the statistics of training.
 *
 * Departure: detectors have score maps of independent classes, so that the divergence is one of Bernoulli variables; both
 * terms count alike at the start, where the source divides the second by 0.1, and come from one pass with dropped inputs, where
 * the source takes the predictions without dropping. Units are judged on the held-out samples as
 * they are, without correction. Source: Liu et al. 2023 (PD-Quant), eq. 5-8.
 */
export const pdquant = defineMethod(SHAPE, (given: PdquantOptions) => {
  const { unit = "block", temperature = 1, globalEvery = GLOBAL_EVERY, kept, rate, biasRate, scaleRate, ...others } = given;
  const { distribution = false, correctionSteps = 20, correctionShare = 0.02, ...descent } = others;
  const options = dropped({ kept, rate, biasRate, scaleRate });
  const stage = { ...dropping(options), global: { objective: predictionDifference({ temperature }), every: globalEvery } };
  const correction = { steps: correctionSteps, rate: CORRECTION_RATE, share: correctionShare };
  return {
    name: "pdquant",
    cite: "PD-Quant, CVPR 2023",
    about: "QDrop with the difference of the predictions beside the error of each unit.",
    options: { unit, temperature, globalEvery, distribution, correctionSteps, correctionShare, ...options, ...settingsOf(descent) },
    ...searchedRanges,
    reconstruction: { unit, stages: [distribution ? { ...stage, correction } : stage], descent: descentOf(descent) },
  };
});
