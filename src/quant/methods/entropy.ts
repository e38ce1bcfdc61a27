import { z } from "zod";
import { defineMethod } from "../method.ts";
import { entropy as entropyObserver } from "../observer/entropy.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";

/** Options of the method; see the observer. */
export interface EntropyMethodOptions {
  /** Bins of each histogram. Default 2048. */
  readonly bins?: number;
  /** Thresholds compared at most. Default 256. */
  readonly steps?: number;
}

/**
 * Activation ranges of least Kullback-Leibler divergence, min-max weights. Source: TensorRT's entropy calibration
 * (Migacz, 2017); the observer says where it departs.
 */
export const entropy = defineMethod(
  { bins: z.int().min(16), steps: z.int().min(1) },
  ({ bins = 2048, steps = 256 }: EntropyMethodOptions) => ({
    name: "entropy",
    cite: "entropy calibration (TensorRT, ONNX Runtime)",
    about: "Activation ranges of least Kullback-Leibler divergence from the histogram of the values.",
    options: { bins, steps },
    weightObserver: ({ axis }) => minmaxObserver({ axis }),
    activationObserver: (scheme) => entropyObserver({ scheme, bins, steps }),
  }),
);
