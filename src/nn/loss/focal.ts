import {
  abs,
  add,
  allocate,
  clamp,
  div,
  gather,
  log,
  mul,
  neg,
  permute,
  pow,
  reshape,
  sigmoid,
  square,
  sub,
  sum,
  Tensor,
} from "../../tensor/index.ts";
import { bceWithLogits } from "./crossEntropy.ts";
import { type Reduction, reduceLoss } from "./reduction.ts";

/** Options of `sigmoidFocalLoss`; a negative alpha means no class balance. Defaults: alpha 0.25, gamma 2, "none". */
export interface FocalOptions {
  readonly alpha?: number;
  readonly gamma?: number;
  readonly reduction?: Reduction;
}

/** Binary cross entropy of logits weighted by (1 - p_t)^gamma. Source: RetinaNet, eq. 5. */
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
 * Penalty-reduced focal loss of a heatmap: logits x and targets t of one shape, t = 1 at centres.
 * p = clamp(sigmoid(x), clampEps, 1 - clampEps); -(1-p)^alpha log p at centres, -(1-t)^beta p^alpha log(1-p) elsewhere,
 * divided by the number of centres (undivided when there is none).
 *
 * Source: CornerNet eq. 1; CenterNet eq. 1.
 */
export function centernetFocalLoss(x: Tensor, t: Tensor, options: CenternetFocalOptions = {}): Tensor {
  const { alpha = 2, beta = 4, clampEps = 1e-4 } = options;
  const { center, elsewhere, count } = heatmapWeights(t, beta);
  const p = clamp(sigmoid(x), { min: clampEps, max: 1 - clampEps });
  const q = sub(1, p);
  const atCenters = mul(center, mul(power(q, alpha), log(p)));
  const between = mul(elsewhere, mul(power(p, alpha), log(q)));
  return div(neg(sum(add(atCenters, between))), Math.max(1, count));
}

/** The usual exponent is 2, for which a square is cheaper and just as exact. */
const power = (x: Tensor, exponent: number): Tensor => (exponent === 2 ? square(x) : pow(x, exponent));

/** Constants of the target: 1 at centres, (1 - t)^beta elsewhere, and how many centres there are. */
function heatmapWeights(t: Tensor, beta: number): { center: Tensor; elsewhere: Tensor; count: number } {
  const center = allocate(t.dtype, t.size);
  const elsewhere = allocate(t.dtype, t.size);
  let count = 0;
  for (let i = 0; i < t.size; i++) {
    const value = t.data[i];
    if (value === 1) {
      center[i] = 1;
      count++;
    } else elsewhere[i] = (1 - value) ** beta;
  }
  return { center: new Tensor(t.shape, t.dtype, center), elsewhere: new Tensor(t.shape, t.dtype, elsewhere), count };
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
  const cells = new Int32Array(batch * channels * rows);
  const counted = allocate(x.dtype, batch * rows * channels);
  let total = 0;
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < rows; k++) {
      const used = mask.data[b * rows + k] !== 0 ? 1 : 0;
      total += used * channels;
      for (let c = 0; c < channels; c++) {
        cells[(b * channels + c) * rows + k] = ind.data[b * rows + k];
        counted[(b * rows + k) * channels + c] = used;
      }
    }
  }
  const flat = reshape(x, { shape: [batch, channels, height * width] });
  const at = gather(flat, new Tensor([batch, channels, rows], "i32", cells), { dim: 2 });
  const distance = abs(sub(permute(at, { perm: [0, 2, 1] }), t));
  return div(sum(mul(distance, new Tensor([batch, rows, channels], x.dtype, counted))), total + 1e-4);
}
