import { byScore } from "../../detect/index.ts";
import { exp as expOf } from "../../elementary.ts";
import { ArgumentError } from "../../errors.ts";
import { focalLogLikelihood } from "../../nn/index.ts";
import {
  abs,
  add,
  allocate,
  amax,
  cast,
  clamp,
  div,
  equal,
  exp,
  greater,
  maximum,
  mean,
  mul,
  neg,
  square,
  sub,
  sum,
  Tensor,
  where,
} from "../../tensor/index.ts";
import { copyOf, type GlobalObjective, requireLike } from "./global.ts";

/** Options of `pseudoLabels`. */
export interface PseudoLabelOptions {
  /** Least score of a label. Default 0.1. */
  readonly gamma?: number;
  /** Most labels of a picture. Default 500. */
  readonly topK?: number;
  /** Weight of the boxes. Default 0.25; Unstated in the source, the box weight of CenterPoint. */
  readonly alpha?: number;
}

const NAME = "pseudoLabels";

/** Scores are kept this far from 0 and 1. Source: CenterNet's code. */
const CLAMP = 1e-4;

/** What is no label has a target below 1. */
const BELOW_ONE = 1 - 2 ** -20;

/**
 * How well the quantized network finds what the float one found: the `topK` best positions with a score >= gamma are
 * labels, of their best class; penalty-reduced focal loss of the scores plus alpha |b - b^|_1 of the labelled boxes, both
 * divided by the number of labels; a mean over the pictures, to which one without labels adds 0.
 *
 * Equal scores: the lower position, and of classes the lower one. Identical predictions leave the focal loss, not 0.
 *
 * Source: LiDAR-PTQ, the task-guided global positive loss. Unstated: what entries other than labels are penalised by;
 * here (1 - score)^4 with the float network's score, which stands for the Gaussian around a centre.
 * Errors: ArgumentError for options out of range.
 */
export function pseudoLabels(options: PseudoLabelOptions = {}): GlobalObjective {
  const { gamma = 0.1, topK = 500, alpha = 0.25 } = options;
  if (!(gamma >= 0 && gamma <= 1)) throw new ArgumentError(NAME, `gamma must be in [0, 1], got ${gamma}`);
  if (!Number.isInteger(topK) || topK < 1) throw new ArgumentError(NAME, `topK must be a whole number >= 1, got ${topK}`);
  if (!(alpha >= 0)) throw new ArgumentError(NAME, `alpha must be >= 0, got ${alpha}`);
  return {
    name: NAME,
    detections: true,
    prepare: ({ logScores, boxes }) => ({
      targets: targetsOf(logScores, gamma, topK),
      ...(boxes && { boxes: copyOf(boxes) }),
    }),
    loss(constants, quantized) {
      const { targets } = constants;
      const isLabel = equal(targets, 1);
      const labels = cast(isLabel, targets.dtype);
      const counts = sum(labels, { dim: [1, 2] });
      const elsewhere = where(isLabel, 0, square(square(sub(1, targets))));
      const p = clamp(exp(requireLike(NAME, "logScores", quantized.logScores, targets)), { min: CLAMP, max: 1 - CLAMP });
      const scores = neg(sum(focalLogLikelihood(p, { center: labels, elsewhere }), { dim: [1, 2] }));
      const total = Object.hasOwn(constants, "boxes")
        ? add(scores, mul(distances(constants.boxes, requireLike(NAME, "boxes", quantized.boxes, constants.boxes), labels), alpha))
        : scores;
      return mean(where(greater(counts, 0), div(total, maximum(counts, 1)), 0));
    },
    boxes: true,
  };
}

/** Sum over the labelled positions of the L1 distance, one a picture. */
function distances(float: Tensor, quantized: Tensor, labels: Tensor): Tensor {
  const labelled = equal(amax(labels, { dim: 1, keepdim: true }), 1);
  return sum(abs(where(labelled, sub(quantized, float), 0)), { dim: [1, 2] });
}

/** 1 at the labels, the score elsewhere: [N, C, P] of log-scores of that shape. */
function targetsOf(logScores: Tensor, gamma: number, topK: number): Tensor {
  const [images, classes, positions] = logScores.shape;
  const targets = allocate(logScores.dtype, logScores.size);
  for (let i = 0; i < targets.length; i++) targets[i] = Math.min(expOf(logScores.data[i]), BELOW_ONE);
  for (let n = 0; n < images; n++) {
    const first = n * classes * positions;
    for (const entry of bestEntries(logScores.data.subarray(first, first + classes * positions), positions, gamma, topK)) {
      targets[first + entry] = 1;
    }
  }
  return new Tensor(logScores.shape, logScores.dtype, targets);
}

/** The best class of the best positions of one picture, as indices into its [C, P] log-scores. */
function bestEntries(logs: ArrayLike<number>, positions: number, gamma: number, topK: number): number[] {
  const best = Int32Array.from({ length: positions }, (_, p) => {
    let entry = p;
    for (let i = p + positions; i < logs.length; i += positions) if (logs[i] > logs[entry]) entry = i;
    return entry;
  });
  const order = byScore(Float64Array.from(best, (entry) => logs[entry]));
  return Array.from(order.subarray(0, topK), (p) => best[p]).filter((entry) => expOf(logs[entry]) >= gamma);
}
