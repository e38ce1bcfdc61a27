import { ArgumentError } from "../../errors.ts";
import { add, mean, square, sub, type Tensor } from "../../tensor/index.ts";
import type { GraphModel } from "../evidence.ts";
import { copyOf, type GlobalConstants, type GlobalObjective, type Predictions } from "../objective/global.ts";

/** Outputs of a network by name. */
export type Heads = Readonly<Record<string, Tensor>>;

/** A global objective as a function of the outputs of a network. */
export interface OutputLoss {
  /** Reads values: for outside of a recording. */
  prepare(float: Heads): GlobalConstants;
  loss(constants: GlobalConstants, heads: Heads): Tensor;
}

/** A global objective over what the detector reads off the outputs; the squared difference of the outputs where nobody knows what they mean. */
export function globalOf({ detector }: GraphModel, objective: GlobalObjective): OutputLoss {
  if (!detector) return outputDifference;
  const predictions = (heads: Heads): Predictions => ({ logScores: detector.logScores(heads), boxes: detector.boxes?.(heads) });
  return {
    prepare: (float) => objective.prepare(predictions(float)),
    loss: (constants, heads) => objective.loss(constants, predictions(heads)),
  };
}

const outputDifference: OutputLoss = {
  prepare: (float) => Object.fromEntries(Object.entries(float).map(([name, x]) => [name, copyOf(x)])),
  loss(constants, heads) {
    const errors = Object.entries(heads).map(([name, x]) => mean(square(sub(x, constants[name]))));
    return errors.reduce((a, b) => add(a, b));
  },
};

/** Errors: ArgumentError where an objective over predictions has a network that makes none. */
export function requireDetector(where: string, { detector }: GraphModel): void {
  if (!detector)
    throw new ArgumentError(where, "the model must be a detector, got a network without a card (give one, or take another method)");
}
