import { z } from "zod";
import { rounding } from "../learner/rounding.ts";
import type { Method } from "../method.ts";
import { mse } from "../observer/mse.ts";
import type { LearningStage, UnitObjective } from "../reconstruct/reconstruction.ts";
import { DESCENT_SHAPE, type DescentSettings } from "../reconstruct/settings.ts";

/** Options that every learning method has. */
export const LEARNING_SHAPE = {
  ...DESCENT_SHAPE,
  unit: z.enum(["layer", "block", "network"]),
  rate: z.number().positive(),
  biasRate: z.number().min(0),
};

/** What every learning method lets a user set. */
export interface LearningOptions extends DescentSettings {
  /** Learning rate of rounding variables. Default 0.1. */
  readonly rate?: number;
  /**
   * Learning rate of biases, in units of their layer's output; 0: they stay. Default 0.003.
   *
   * Departure: most sources leave biases alone, or correct them before; learned ones cost next to nothing and take a quarter
   * off the error of the score map (docs/decisions/008-learning.md).
   */
  readonly biasRate?: number;
}

/** The option of methods with a loss of the predictions. */
export const GLOBAL_SHAPE = { globalEvery: z.int().min(1) };

/** What methods with a loss of the predictions let a user set. */
export interface GlobalOptions {
  /**
   * Steps from one that sends its batch through the rest of the network to the next. Default 16.
   *
   * Departure: 1 in the sources. As many steps end as low with 16, in less than half of the time
   * (docs/decisions/008-learning.md).
   */
  readonly globalEvery?: number;
}

/** Steps from one that looks at the predictions to the next. */
export const GLOBAL_EVERY = 16;

/**
 * Learning rate of rounding variables. Departure: 1e-3 to 5e-3 in the sources, whose descents are a hundred times as long
 * (docs/decisions/008-learning.md).
 */
export const ROUNDING_RATE = 0.1;

/** Learning rate of biases. */
export const BIAS_RATE = 0.003;

/** Biases that learn beside weights; none at a rate of 0. */
export const learningBiases = (biasRate: number): Pick<LearningStage, "biasRate"> => (biasRate > 0 ? { biasRate } : {});

/** Rounding and biases learned with activations in float, from inputs of the network quantized so far. */
export const weightStage = (
  { rate, biasRate }: Required<Pick<LearningOptions, "rate" | "biasRate">>,
  objective: UnitObjective,
): LearningStage => ({
  name: "weights",
  weights: rounding(rate),
  ...learningBiases(biasRate),
  quantizesActivations: false,
  input: "quantized",
  objective,
});

/** Learning rate of the logarithms of activation scales. Departure: 4e-5 of the scales themselves in the sources, in longer descents. */
export const SCALE_RATE = 0.005;

/** Exponent of the errors that ranges are found by. Source: BRECQ's and QDrop's code. */
export const RANGE_POWER = 2.4;

/** Ranges of least error for weights and activations, where learning starts. Source: the code of BRECQ and QDrop. */
export const searchedRanges: Pick<Method, "weightObserver" | "activationObserver"> = {
  weightObserver: (scheme) => mse({ scheme, p: RANGE_POWER, seed: 0 }),
  activationObserver: (scheme, seed) => mse({ scheme, p: RANGE_POWER, seed }),
};
