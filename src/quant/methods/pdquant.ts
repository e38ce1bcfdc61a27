import { z } from "zod";
import { defineMethod } from "../method.ts";
import { predictionDifference } from "../objective/predictionDifference.ts";
import { type DescentSettings, descentOf, settingsOf } from "../reconstruct/settings.ts";
import { searchedRanges } from "./learning.ts";
import { DROPPING_SHAPE, type DroppingOptions, dropped, dropping } from "./qdrop.ts";

/** Options of the method. */
export interface PdquantOptions extends DescentSettings, DroppingOptions {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
  /** Divides the logits of the scores that are compared. Default 1. */
  readonly temperature?: number;
}

const SHAPE = { ...DROPPING_SHAPE, temperature: z.number().positive() };

/**
 * QDrop with the difference of the predictions beside the error of each unit: the unit's output goes on through the rest
 * of the network in float, and its score map is compared with that of the float network.
 *
 * Departure: detectors have score maps of independent classes, so that the divergence is one of Bernoulli variables; both
 * terms count alike at the start, where the source divides the second by 0.1. Source: Liu et al. 2023 (PD-Quant), eq. 5-8.
 */
export const pdquant = defineMethod(
  SHAPE,
  ({ unit = "block", temperature = 1, kept, rate, biasRate, scaleRate, ...descent }: PdquantOptions) => {
    const options = dropped({ kept, rate, biasRate, scaleRate });
    return {
      name: "pdquant",
      cite: "PD-Quant, CVPR 2023",
      about: "QDrop with the difference of the predictions beside the error of each unit.",
      options: { unit, temperature, ...options, ...settingsOf(descent) },
      ...searchedRanges,
      reconstruction: {
        unit,
        stages: [{ ...dropping(options), global: predictionDifference({ temperature }) }],
        descent: descentOf(descent),
      },
    };
  },
);
