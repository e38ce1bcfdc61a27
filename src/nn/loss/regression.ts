import { abs, minimum, mul, square, sub, type Tensor } from "../../tensor/index.ts";
import { type Reduction, reduceLoss } from "./reduction.ts";

/** Options every regression loss shares. */
export interface LossOptions {
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/** (x - t)². Shape: both the same shape, any; a scalar unless `reduction` is "none". Definition: the formula above. */
export const mseLoss = (x: Tensor, t: Tensor, { reduction = "mean" }: LossOptions = {}): Tensor => reduceLoss(square(sub(x, t)), reduction);

/** |x - t|. Shape: both the same shape, any; a scalar unless `reduction` is "none". Definition: the formula above. */
export const l1Loss = (x: Tensor, t: Tensor, { reduction = "mean" }: LossOptions = {}): Tensor => reduceLoss(abs(sub(x, t)), reduction);

/**
 * d² / 2 beta where d = |x - t| < beta, else d - beta / 2; beta 0 is the plain distance. Source: Fast R-CNN, eq. 3.
 * Shape: both the same shape, any; a scalar unless `reduction` is "none".
 */
export function smoothL1Loss(x: Tensor, t: Tensor, options: LossOptions & { readonly beta?: number } = {}): Tensor {
  const { beta = 1, reduction = "mean" } = options;
  if (beta === 0) return l1Loss(x, t, { reduction });
  return reduceLoss(mul(huber(x, t, beta), 1 / beta), reduction);
}

/**
 * d² / 2 where d = |x - t| < delta, else delta (d - delta / 2). Source: Huber 1964. Shape: both the same shape, any; a
 * scalar unless `reduction` is "none".
 */
export const huberLoss = (x: Tensor, t: Tensor, options: LossOptions & { readonly delta?: number } = {}): Tensor =>
  reduceLoss(huber(x, t, options.delta ?? 1), options.reduction ?? "mean");

/** c (d - c / 2) with c = min(d, delta): both branches in one expression, smooth where they meet. */
function huber(x: Tensor, t: Tensor, delta: number): Tensor {
  const distance = abs(sub(x, t));
  const capped = minimum(distance, delta);
  return mul(capped, sub(distance, mul(capped, 0.5)));
}
