import { ArgumentError, ShapeError } from "../../errors.ts";
import { formatShape, mean, neg, reshape, sum, type Tensor, topk } from "../../tensor/index.ts";

/** Over what the strongest entries are chosen. */
export type TopKMode = "perClass" | "joint";

/** Options of `topKNll`. */
export interface TopKNllOptions {
  /** Positions that count: per class, or over all classes together. Capped at the number there is. */
  readonly topK: number;
  /**
   * "perClass": the topK best positions of every class, mean over all of them. "joint": the topK best of all classes
   * together, mean over those. Default "perClass". Unstated: which; the normaliser 1 / (K C) and the text say per class.
   */
  readonly mode?: TopKMode;
}

/**
 * Negative log-likelihood of the strongest heatmap entries, one value an image:
 * L = -(1 / (K C)) sum_c sum_k log H_[k],c with H_[k],c the k-th largest entry of class c.
 *
 * Shape: logScores = log H [N, C, P], every entry <= 0, to [N]. Entries of equal value: the lower position is selected;
 * the selection takes no gradient. Source: InlierQ eq. 7.
 * Errors: ShapeError for another rank, ArgumentError for a topK below 1.
 */
export function topKNllPerImage(logScores: Tensor, { topK, mode = "perClass" }: TopKNllOptions): Tensor {
  const [n, classes, positions] = logScores.shape;
  if (logScores.shape.length !== 3 || n * classes * positions === 0) {
    throw new ShapeError("topKNll", `logScores must be a filled [N, C, P], got ${formatShape(logScores.shape)}`);
  }
  if (!Number.isInteger(topK) || topK < 1) throw new ArgumentError("topKNll", `topK must be a whole number >= 1, got ${topK}`);
  const rows = mode === "joint" ? reshape(logScores, { shape: [n, 1, classes * positions] }) : logScores;
  const [best] = topk(rows, { k: Math.min(topK, rows.shape[2]), dim: 2 });
  return neg(mean(best, { dim: [1, 2] }));
}

/**
 * `topKNllPerImage` summed over the images, so that the gradient of an image does not depend on its batch.
 *
 * Shape: [N, C, P] to []. Source: InlierQ eq. 7; Unstated: the sum over a batch.
 *
 * Errors: ShapeError unless the scores are a filled [N, C, P], ArgumentError unless `topK` is a whole number above 0.
 */
export const topKNll = (logScores: Tensor, options: TopKNllOptions): Tensor => sum(topKNllPerImage(logScores, options));
