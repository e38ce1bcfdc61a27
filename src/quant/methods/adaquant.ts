import { z } from "zod";
import { freeWeights } from "../learner/freeWeights.ts";
import { gridParameters } from "../learner/gridParameters.ts";
import { defineMethod } from "../method.ts";
import { outputError } from "../objective/reconstruction.ts";
import { type DescentSettings, descentOf } from "../reconstruct/settings.ts";
import { LEARNING_SHAPE, learningBiases, searchedRanges } from "./learning.ts";

/** Options of the method. */
export interface AdaquantOptions extends Omit<DescentSettings, "pull" | "warmup" | "betaStart" | "betaEnd" | "betaShape"> {
  /** What learns at a time. Default "layer". */
  readonly unit?: "layer" | "block" | "network";
  /** Whether units read the network quantized so far; else float activations, so that units do not depend on each other. Default false. */
  readonly sequential?: boolean;
  /** Learning rate of weights, in steps of their grid. Default 0.02. */
  readonly rate?: number;
  /** Learning rate of the logarithms of scales. Default 0.002. */
  readonly scaleRate?: number;
  /** Learning rate of zero points, in codes. Default 0.02. */
  readonly zeroPointRate?: number;
  /** Learning rate of biases. Default 0.001. */
  readonly biasRate?: number;
}

const { pull: _, warmup: __, betaStart: ___, betaEnd: ____, betaShape: _____, ...own } = LEARNING_SHAPE;
const rate = z.number().min(0);
const SHAPE = { ...own, sequential: z.boolean(), scaleRate: rate, zeroPointRate: rate, biasRate: rate };

/**
 * Weights, grids of weights and activations, and biases learned together, layer by layer and straight through the
 * rounding. Source: Hubara et al. 2021 (AdaQuant), eq. 6; the rates are ours (see `freeWeights`).
 */
export const adaquant = defineMethod(SHAPE, (options: AdaquantOptions) => {
  const {
    unit = "layer",
    sequential = false,
    rate = 0.02,
    scaleRate = 0.002,
    zeroPointRate = 0.02,
    biasRate = 0.001,
    ...descent
  } = options;
  const grids = { scale: scaleRate, zeroPoint: zeroPointRate };
  const { steps, batch, ...rest } = descentOf(descent);
  return {
    name: "adaquant",
    cite: "AdaQuant, ICML 2021",
    about: "Weights, grids and biases learned together, straight through the rounding.",
    options: { unit, sequential, rate, scaleRate, zeroPointRate, biasRate, steps, batch },
    ...searchedRanges,
    reconstruction: {
      unit,
      stages: [
        {
          name: "weights, grids and biases",
          weights: freeWeights({ weight: rate, ...grids }),
          activations: gridParameters(grids),
          ...learningBiases(biasRate),
          quantizesActivations: true,
          input: sequential ? "quantized" : "float",
          objective: outputError(),
        },
      ],
      descent: { steps, batch, ...rest },
    },
  };
});
