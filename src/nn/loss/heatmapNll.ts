import { log } from "../../elementary.ts";
import { ArgumentError, ShapeError } from "../../errors.ts";
import {
  cast,
  clamp,
  concat,
  detach,
  div,
  exp,
  formatShape,
  greaterEqual,
  maxPool2d,
  mean,
  mul,
  neg,
  reshape,
  slice,
  sqrt,
  sub,
  sum,
  type Tensor,
  topk,
  where,
} from "../../tensor/index.ts";

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
  /**
   * Rows and columns of the maps that the P positions are, one map after the other, each row by row: only entries that are
   * the greatest of their 3 x 3 neighbourhood count, as in a decoder. Default: every entry may count.
   */
  readonly peaksOf?: readonly (readonly [rows: number, columns: number])[];
  /** Entries below this score do not count. Default 0. */
  readonly minScore?: number;
  /**
   * "plugin" (default) is the literal loss, every target a hit. "expected" multiplies the gradient of every entry by
   * sqrt(H / (1 - H)), so that its square is what targets drawn from H would give on average: H (1 - H) at the logit, not
   * (1 - H)^2.
   */
  readonly targets?: "plugin" | "expected";
}

/** Below every log score. */
const NO_ENTRY = -1e30;
/** log H from which an entry counts as one of 1 - 2^-20: H / (1 - H) stays finite. */
const SURE = log(1 - 2 ** -20);

/**
 * Negative log-likelihood of the strongest heatmap entries, one value an image:
 * L = -(1 / (K C)) sum_c sum_k log H_[k],c with H_[k],c the k-th largest entry of class c.
 *
 * Shape: logScores = log H [N, C, P], every entry <= 0, to [N]. Entries of equal value: the lower position is selected;
 * the selection takes no gradient. The mean is over the entries that count; without any the loss is 0. Source: InlierQ eq. 7.
 * Errors: ShapeError for another rank or maps that do not have P positions, ArgumentError for a topK below 1 or a minScore
 * outside [0, 1].
 */
export function topKNllPerImage(logScores: Tensor, options: TopKNllOptions): Tensor {
  const { topK, mode = "perClass", peaksOf, minScore = 0 } = options;
  const [n, classes, positions] = logScores.shape;
  if (logScores.shape.length !== 3 || n * classes * positions === 0) {
    throw new ShapeError("topKNll", `logScores must be a filled [N, C, P], got ${formatShape(logScores.shape)}`);
  }
  if (!Number.isInteger(topK) || topK < 1) throw new ArgumentError("topKNll", `topK must be a whole number >= 1, got ${topK}`);
  if (!(minScore >= 0 && minScore <= 1)) throw new ArgumentError("topKNll", `minScore must be in [0, 1], got ${minScore}`);
  const entries = peaksOf ? onlyPeaks(logScores, peaksOf) : logScores;
  const rows = mode === "joint" ? reshape(entries, { shape: [n, 1, classes * positions] }) : entries;
  const [best] = topk(rows, { k: Math.min(topK, rows.shape[2]), dim: 2 });
  return peaksOf || minScore > 0 || options.targets === "expected" ? weighedNll(best, options) : neg(mean(best, { dim: [1, 2] }));
}

/** Minus the mean over the entries that count, each with a constant weight. Shape: [N, C, K] to [N]. */
function weighedNll(best: Tensor, { minScore = 0, targets = "plugin" }: TopKNllOptions): Tensor {
  const fixed = detach(best);
  const counted = cast(greaterEqual(fixed, minScore > 0 ? log(minScore) : NO_ENTRY / 2), best.dtype);
  const count = clamp(sum(counted, { dim: [1, 2] }), { min: 1 });
  const sure = exp(clamp(fixed, { max: SURE }));
  const weights = targets === "expected" ? mul(counted, sqrt(div(sure, sub(1, sure)))) : counted;
  return neg(div(sum(mul(weights, best), { dim: [1, 2] }), count));
}

/** The entries that no neighbour in their map exceeds; others are below every score. Shape: [N, C, P], kept. */
function onlyPeaks(logScores: Tensor, maps: readonly (readonly [number, number])[]): Tensor {
  const [n, classes, positions] = logScores.shape;
  const total = maps.reduce((cells, [rows, columns]) => cells + rows * columns, 0);
  if (total !== positions) throw new ShapeError("topKNll", `maps must have as many cells as positions = ${positions}, got ${total}`);
  let start = 0;
  const greatest = maps.map(([rows, columns]) => {
    const end = start + rows * columns;
    const map = reshape(slice(detach(logScores), { dim: 2, start, end }), { shape: [n, classes, rows, columns] });
    start = end;
    return reshape(maxPool2d(map, { kernel: 3, stride: 1, padding: 1 }), { shape: [n, classes, rows * columns] });
  });
  return where(greaterEqual(detach(logScores), concat(greatest, { dim: 2 })), logScores, NO_ENTRY);
}

/**
 * `topKNllPerImage` summed over the images, so that the gradient of an image does not depend on its batch.
 *
 * Shape: [N, C, P] to []. Source: InlierQ eq. 7; Unstated: the sum over a batch.
 *
 * Errors: ShapeError unless the scores are a filled [N, C, P], ArgumentError unless `topK` is a whole number above 0.
 */
export const topKNll = (logScores: Tensor, options: TopKNllOptions): Tensor => sum(topKNllPerImage(logScores, options));
