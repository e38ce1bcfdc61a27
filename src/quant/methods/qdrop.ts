import { z } from "zod";
import { rounding } from "../learner/rounding.ts";
import { stepSize } from "../learner/stepSize.ts";
import { defineMethod } from "../method.ts";
import { outputError } from "../objective/reconstruction.ts";
import { mse as mseObserver } from "../observer/mse.ts";
import { DESCENT_SHAPE, type DescentSettings, descentOf } from "../reconstruct/settings.ts";

/** Options of the method. */
export interface QdropOptions extends DescentSettings {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
  /** Share of the elements that are quantized in a step. Default 0.5. */
  readonly kept?: number;
  /** Learning rate of the rounding variables. Default 0.02. */
  readonly rate?: number;
  /** Learning rate of the logarithms of activation scales. Default 0.005. */
  readonly scaleRate?: number;
}

const SHAPE = {
  ...DESCENT_SHAPE,
  unit: z.enum(["layer", "block", "network"]),
  kept: z.number().min(0).max(1),
  rate: z.number().positive(),
  scaleRate: z.number().positive(),
};

/**
 * Rounding and activation scales learned together, with the quantization of random elements dropped. Source: Wei et al.
 * 2022 (QDrop), section 4; p is the share that stays quantized, as in its code.
 */
export const qdrop = defineMethod(SHAPE, ({ unit = "block", kept = 0.5, rate = 0.02, scaleRate = 0.005, ...descent }: QdropOptions) => ({
  name: "qdrop",
  cite: "QDrop, ICLR 2022",
  options: { unit, kept, rate, scaleRate, ...descentOf(descent) },
  weightObserver: (scheme) => mseObserver({ scheme, p: 2.4, seed: 0 }),
  activationObserver: (scheme, seed) => mseObserver({ scheme, p: 2.4, seed }),
  reconstruction: {
    unit,
    stages: [
      {
        name: "weights and scales",
        weights: rounding(rate),
        activations: stepSize(scaleRate),
        quantizesActivations: true,
        input: "quantized",
        kept,
        objective: outputError(),
      },
    ],
    descent: descentOf(descent),
  },
}));
