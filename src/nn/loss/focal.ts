import {
  abs,
  add,
  cast,
  clamp,
  div,
  equal,
  expand,
  gather,
  log,
  maximum,
  mul,
  neg,
  permute,
  pow,
  reshape,
  sigmoid,
  square,
  sub,
  sum,
  type Tensor,
  where,
} from "../../tensor/index.ts";
import { bceWithLogits } from "./crossEntropy.ts";
import { type Reduction, reduceLoss } from "./reduction.ts";

/** Options of `sigmoidFocalLoss`; a negative alpha means no class balance. Defaults: alpha 0.25, gamma 2, "none". */
export interface FocalOptions {
  readonly alpha?: number;
  readonly gamma?: number;
  /** Default "none". */
  readonly reduction?: Reduction;
}

/** Binary cross entropy of logits weighted by (1 - p_t)^gamma. Source: RetinaNet, eq. 5. Shape: x and t of the same shape, any. */
export function sigmoidFocalLoss(x: Tensor, t: Tensor, options: FocalOptions = {}): Tensor {
  const { alpha = 0.25, gamma = 2, reduction = "none" } = options;
  const p = sigmoid(x);
  const missed = add(mul(p, sub(1, t)), mul(sub(1, p), t));
  const loss = mul(bceWithLogits(x, t, { reduction: "none" }), pow(missed, gamma));
  if (alpha < 0) return reduceLoss(loss, reduction);
  return reduceLoss(mul(loss, add(mul(t, alpha), mul(sub(1, t), 1 - alpha))), reduction);
}

/** Options of `centernetFocalLoss`. Defaults: alpha 2, beta 4, clampEps 1e-4. */
export interface CenternetFocalOptions {
  readonly alpha?: number;
  readonly beta?: number;
  readonly clampEps?: number;
}

/**
 * Penalty-reduced focal loss of a heatmap: logits x and targets t of one shape, t = 1 at centres. p =
 * clamp(sigmoid(x), clampEps, 1 - clampEps); -(1-p)^alpha log p at centres, -(1-t)^beta p^alpha log(1-p) elsewhere,
 * divided by the number of centres (undivided when there is none).
 *
 * Source: CornerNet eq. 1; CenterNet eq. 1.
 *
 * Shape: [N, C, H, W] each → [].
 */
export function centernetFocalLoss(x: Tensor, t: Tensor, options: CenternetFocalOptions = {}): Tensor {
  const { alpha = 2, beta = 4, clampEps = 1e-4 } = options;
  const { center, elsewhere, count } = heatmapWeights(t, beta);
  const p = clamp(sigmoid(x), { min: clampEps, max: 1 - clampEps });
  return div(neg(sum(focalLogLikelihood(p, { center, elsewhere }, alpha))), maximum(count, 1));
}

/** What every entry of a heatmap weighs, as an object and as none. */
export interface FocalWeights {
  /** 1 at centres, 0 elsewhere. */
  readonly center: Tensor;
  /** 0 at centres, the reduced penalty elsewhere. */
  readonly elsewhere: Tensor;
}

/**
 * The entries that `centernetFocalLoss` sums up, before its minus: center (1-p)^alpha log p + elsewhere p^alpha
 * log(1-p) of probabilities p in (0, 1). Shape: p and both weights of the same shape, any, kept. Source: CornerNet eq. 1.
 */
export function focalLogLikelihood(p: Tensor, { center, elsewhere }: FocalWeights, alpha = 2): Tensor {
  const q = sub(1, p);
  const atCenters = mul(center, mul(power(q, alpha), log(p)));
  return add(atCenters, mul(elsewhere, mul(power(p, alpha), log(q))));
}

/** The usual exponent is 2, for which a square is cheaper and just as exact. */
const power = (x: Tensor, exponent: number): Tensor => (exponent === 2 ? square(x) : pow(x, exponent));

/** Constants of the target: 1 at centres, (1 - t)^beta elsewhere, rounded once, and how many centres there are. */
function heatmapWeights(t: Tensor, beta: number): { center: Tensor; elsewhere: Tensor; count: Tensor } {
  const isCenter = equal(t, 1);
  const center = cast(isCenter, t.dtype);
  const penalty = cast(pow(sub(1, cast(t, "f64")), beta), t.dtype);
  return { center, elsewhere: where(isCenter, 0, penalty), count: sum(center) };
}

/**
 * L1 distance at object centres: x [B,C,H,W], cell indices ind [B,K], mask [B,K] (0 for unused rows), t [B,K,C];
 * divided by C * sum(mask) + 1e-4.
 *
 * Source: CenterNet eq. 2 and 3.
 */
export function centernetRegL1Loss(x: Tensor, ind: Tensor, mask: Tensor, t: Tensor): Tensor {
  const [batch, channels, height, width] = x.shape;
  const rows = ind.shape[1];
  const used = sub(1, cast(equal(cast(mask, x.dtype), 0), x.dtype));
  const cells = expand(reshape(ind, { shape: [batch, 1, rows] }), { shape: [batch, channels, rows] });
  const at = gather(reshape(x, { shape: [batch, channels, height * width] }), cells, { dim: 2 });
  const distance = mul(abs(sub(permute(at, { perm: [0, 2, 1] }), t)), reshape(used, { shape: [batch, rows, 1] }));
  return div(sum(distance), add(mul(sum(used), channels), 1e-4));
}
