import { abs, add, mean, mul, reshape, square, sum, type Tensor } from "../../tensor/index.ts";
import { difference } from "./mse.ts";

/** Options of `fisherDiag` and `fisherFull`. */
export interface FisherDampingOptions {
  /** Added to |g|. Default 0, as the papers; BRECQ's code, and those built on it, add 1. */
  readonly damping?: number;
}

/**
 * Mean over volumes of sum_c g_c^2 (y^_c - y_c)^2, a scalar: the diagonal empirical Fisher of BRECQ eq. 10.
 *
 * Shape: all [N,C,...]; the gradient is a constant.
 */
export function fisherDiag(reference: Tensor, quantized: Tensor, gradient: Tensor, { damping = 0 }: FisherDampingOptions = {}): Tensor {
  return mean(sum(square(mul(difference("fisherDiag", reference, quantized), damped(gradient, damping))), { dim: 1 }));
}

/**
 * Mean over elements of a * (sum of a over its sample), a = |g| |y^ - y|: BRECQ's `fisher_full` without its division by
 * 100. Shape: all three [N, ...]; a scalar comes out. Unstated: BRECQ's paper has no such form, its code does.
 */
export function fisherFull(reference: Tensor, quantized: Tensor, gradient: Tensor, { damping = 0 }: FisherDampingOptions = {}): Tensor {
  const a = mul(abs(difference("fisherFull", reference, quantized)), abs(damped(gradient, damping)));
  const perSample = sum(reshape(a, { shape: [a.shape[0], a.size / a.shape[0]] }), { dim: 1, keepdim: true });
  return mean(mul(reshape(a, { shape: [a.shape[0], a.size / a.shape[0]] }), perSample));
}

/** |g| + damping, so that an element without gradient counts too; undamped the gradient itself, which is squared later. */
const damped = (gradient: Tensor, damping: number): Tensor => (damping === 0 ? gradient : add(abs(gradient), damping));
