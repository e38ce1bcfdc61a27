import { ArgumentError } from "../../errors.ts";
import {
  abs,
  add,
  amax,
  cast,
  div,
  equal,
  exp,
  greaterEqual,
  maximum,
  mean,
  mul,
  pow,
  square,
  sub,
  sum,
  type Tensor,
  where,
} from "../../tensor/index.ts";
import { boundedScores, crossEntropies, oddsOf } from "./bernoulli.ts";
import { copyOf, type GlobalConstants, type GlobalObjective, type Predictions, requireLike } from "./global.ts";
import { pairedIou } from "./pairedIou.ts";

/** Options of `filteredGlobal`. */
export interface FilteredGlobalOptions {
  /** Least score of the float network, over all classes, of a box that counts. Default 2e-4. */
  readonly thetaC?: number;
  /** Least IoU of the two networks' boxes. Default 0.1. */
  readonly thetaI?: number;
  /** Weight of the boxes. Default 1; Unstated in the source. */
  readonly lambda?: number;
  /** Power of the box distance, >= 1. Default 1; Unstated in the source. */
  readonly p?: number;
  /** Whether scores below thetaC are left out of the cross entropy too. Default false, as eq. 8. */
  readonly maskScores?: boolean;
  /** What sums are divided by: the number of all positions, or of those that the filter left. Default "all", as eq. 8. */
  readonly normalize?: "all" | "survivors";
}

const NAME = "filteredGlobal";

/**
 * How far the quantized network is from the float one at the end: cross entropy of the scores, soft targets, summed over
 * the classes, plus lambda |b - b^|_p^p of the boxes that pass the filter m = [score >= thetaC] [IoU >= thetaI]; a mean
 * over positions and pictures. Least where both agree, where the boxes add exactly 0; nothing that passes adds 0.
 *
 * The filter takes no gradient. Position i of both networks is box i. Without boxes there is the cross entropy alone.
 *
 * Source: Reg-PTQ eq. 8. Unstated: cross entropy of sigmoid heads, taken per class; that L_p has no root; the units of
 * boxes, here shares of the input.
 * Errors: ArgumentError for options out of range.
 */
export function filteredGlobal(options: FilteredGlobalOptions = {}): GlobalObjective {
  const { thetaC = 2e-4, thetaI = 0.1, lambda = 1, p = 1, maskScores = false, normalize = "all" } = options;
  for (const [name, theta] of Object.entries({ thetaC, thetaI })) {
    if (!(theta >= 0 && theta <= 1)) throw new ArgumentError(NAME, `${name} must be in [0, 1], got ${theta}`);
  }
  if (!(p >= 1)) throw new ArgumentError(NAME, `p must be >= 1, got ${p}`);
  if (!(lambda >= 0)) throw new ArgumentError(NAME, `lambda must be >= 0, got ${lambda}`);
  const averaged = (values: Tensor, counted: Tensor): Tensor => (normalize === "all" ? mean(values) : meanOver(values, counted));
  return {
    name: NAME,
    detections: true,
    prepare({ logScores, boxes }) {
      const best = amax(logScores, { dim: 1, keepdim: true });
      const kept = cast(greaterEqual(exp(best), thetaC), logScores.dtype);
      return { logScores: boundedScores(logScores), kept, ...(boxes && { boxes: copyOf(boxes) }) };
    },
    loss(constants, quantized) {
      const { logScores, kept } = constants;
      const given = boundedScores(requireLike(NAME, "logScores", quantized.logScores, logScores));
      const entropy = sum(crossEntropies(oddsOf(logScores), oddsOf(given)), { dim: 1, keepdim: true });
      const scores = maskScores ? averaged(mul(entropy, kept), kept) : mean(entropy);
      if (!hasBoxes(constants)) return scores;
      const passed = survivors(constants, quantized, thetaI);
      const moved = sub(requireLike(NAME, "boxes", quantized.boxes, constants.boxes), constants.boxes);
      // The selection comes before the power: a box that overflowed has no finite one.
      const distance = sum(power(where(equal(passed, 1), moved, 0), p), { dim: 1, keepdim: true });
      return add(scores, mul(averaged(distance, passed), lambda));
    },
    boxes: true,
  };
}

const hasBoxes = (constants: GlobalConstants): boolean => Object.hasOwn(constants, "boxes");

/** Which boxes pass the filter: 1 or 0 in [N, 1, P]; a comparison takes no gradient. Constants as `filteredGlobal` prepares them. */
export function survivors({ kept, boxes }: GlobalConstants, quantized: Predictions, thetaI: number): Tensor {
  const overlap = pairedIou(boxes, requireLike(NAME, "boxes", quantized.boxes, boxes));
  return cast(greaterEqual(where(equal(kept, 1), overlap, -1), thetaI), kept.dtype);
}

function power(x: Tensor, p: number): Tensor {
  if (p === 2) return square(x);
  return p === 1 ? abs(x) : pow(abs(x), p);
}

/** Mean over the pictures of a sum over positions divided by how many of them are counted: 0 where none is. */
function meanOver(values: Tensor, counted: Tensor): Tensor {
  return mean(div(sum(values, { dim: 2 }), maximum(sum(counted, { dim: 2 }), 1)));
}
