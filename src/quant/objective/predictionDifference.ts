import { ArgumentError } from "../../errors.ts";
import { mean, sum } from "../../tensor/index.ts";
import { boundedScores, divergences, oddsOf } from "./bernoulli.ts";
import { type GlobalObjective, requireLike } from "./global.ts";

/** Options of `predictionDifference`. */
export interface PredictionDifferenceOptions {
  /** What logits are divided by, > 0. Default 1; PD-Quant takes 4 for most classifiers. */
  readonly temperature?: number;
}

const NAME = "predictionDifference";

/**
 * How far the quantized network's scores are from the float one's: KL divergence of every entry of the heatmap, an object
 * or none, summed over the classes; a mean over positions and pictures. Never negative, 0 where both agree. Boxes do
 * not count.
 *
 * Source: PD-Quant eq. 6. Departure: entries of a heatmap do not exclude each other, so that the softmax over classes
 * is a sigmoid per entry. Its weight (a division by 0.1) is left to the caller.
 * Errors: ArgumentError for a temperature that is not positive.
 */
export function predictionDifference({ temperature = 1 }: PredictionDifferenceOptions = {}): GlobalObjective {
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError(NAME, `temperature must be > 0, got ${temperature}`);
  }
  return {
    name: NAME,
    prepare: ({ logScores }) => ({ logScores: boundedScores(logScores) }),
    loss({ logScores }, quantized) {
      const given = boundedScores(requireLike(NAME, "logScores", quantized.logScores, logScores));
      return mean(sum(divergences(oddsOf(logScores, temperature), oddsOf(given, temperature)), { dim: 1 }));
    },
  };
}
