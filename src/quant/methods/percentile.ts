import { z } from "zod";
import { defineMethod } from "../method.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";
import { percentile as percentileObserver } from "../observer/percentile.ts";

/** Options of the method; see the observer. */
export interface PercentileMethodOptions {
  /** Share of values kept inside the range, in percent; half of the rest is cut at each end. Default 99.99. */
  readonly percentile?: number;
  /** Cut |x| at `percentile` instead. Default false. */
  readonly symmetric?: boolean;
  /** Values kept for exact quantiles per tensor before a histogram takes over. Default 2^20. */
  readonly retain?: number;
  /** Bins of that histogram. Default 2048. */
  readonly bins?: number;
}

const SHAPE = {
  percentile: z.number().positive().max(100),
  symmetric: z.boolean(),
  retain: z.int().min(0),
  bins: z.int().min(2),
};

/**
 * Activation ranges that leave a share of the values outside, min-max weights. 100 % is min-max calibration. Source: Wu et
 * al. 2020 (Integer quantization for deep learning inference), section 4.
 */
export const percentile = defineMethod(
  SHAPE,
  ({ percentile: inside = 99.99, symmetric = false, retain = 2 ** 20, bins = 2048 }: PercentileMethodOptions) => {
    const options = { percentile: inside, symmetric, retain, bins };
    return {
      name: "percentile",
      cite: "percentile calibration (TensorRT, ONNX Runtime, MQBench)",
      about: "Activation ranges that leave a small share of the values outside.",
      options,
      weightObserver: ({ axis }) => minmaxObserver({ axis }),
      activationObserver: ({ axis }) => percentileObserver({ ...options, axis }),
    };
  },
);
