import { z } from "zod";
import type { Method } from "../method.ts";
import { minmax } from "../observer/minmax.ts";
import { mse } from "../observer/mse.ts";
import { DESCENT_SHAPE } from "../reconstruct/settings.ts";

/** Options that every learning method has. */
export const LEARNING_SHAPE = { ...DESCENT_SHAPE, unit: z.enum(["layer", "block", "network"]), rate: z.number().positive() };

/** Learning rate of rounding variables. */
export const ROUNDING_RATE = 0.02;

/** Learning rate of the logarithms of activation scales. */
export const SCALE_RATE = 0.005;

/** Exponent of the errors that ranges are found by. Source: BRECQ's and QDrop's code. */
export const RANGE_POWER = 2.4;

/** Ranges of least error for weights and activations, where learning starts. Source: the code of BRECQ and QDrop. */
export const searchedRanges: Pick<Method, "weightObserver" | "activationObserver"> = {
  weightObserver: ({ axis }) => minmax({ axis }),
  activationObserver: (scheme, seed) => mse({ scheme, p: RANGE_POWER, seed }),
};
