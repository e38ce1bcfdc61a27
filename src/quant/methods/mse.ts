import { z } from "zod";
import { defineMethod } from "../method.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";
import { mse as mseObserver } from "../observer/mse.ts";

/** The error that ranges are chosen by. */
export interface MseOptions {
  /** Exponent of the error. Default 2.4 (BRECQ, QDrop). */
  readonly p?: number;
}

/**
 * Activation ranges of least quantization error, min-max weights. Definition: least mean of |error|^p; p = 2.4 as
 * BRECQ's and QDrop's code have it.
 */
export const mse = defineMethod({ p: z.number().positive() }, ({ p = 2.4 }: MseOptions) => ({
  name: "mse",
  cite: "Lp range search (OMSE, LAPQ, BRECQ)",
  about: "Activation ranges of least quantization error.",
  options: { p },
  weightObserver: ({ axis }) => minmaxObserver({ axis }),
  activationObserver: (scheme, seed) => mseObserver({ scheme, p, seed }),
}));
