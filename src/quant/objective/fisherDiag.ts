import { abs, mean, mul, reshape, square, sum, type Tensor } from "../../tensor/index.ts";
import { difference } from "./mse.ts";

/**
 * Mean over volumes of sum_c g_c^2 (y^_c - y_c)^2, a scalar: the diagonal empirical Fisher of BRECQ eq. 10.
 *
 * Shape: all [N,C,...]; the gradient is a constant.
 */
export function fisherDiag(reference: Tensor, quantized: Tensor, gradient: Tensor): Tensor {
  return mean(sum(square(mul(difference("fisherDiag", reference, quantized), gradient)), { dim: 1 }));
}

/**
 * Mean over elements of a * (sum of a over its sample), a = |g| |y^ - y|: BRECQ's `fisher_full` without its division by
 * 100. Shape: all three [N, ...]; a scalar comes out. Unstated: BRECQ's paper has no such form, its code does.
 */
export function fisherFull(reference: Tensor, quantized: Tensor, gradient: Tensor): Tensor {
  const a = mul(abs(difference("fisherFull", reference, quantized)), abs(gradient));
  const perSample = sum(reshape(a, { shape: [a.shape[0], a.size / a.shape[0]] }), { dim: 1, keepdim: true });
  return mean(mul(reshape(a, { shape: [a.shape[0], a.size / a.shape[0]] }), perSample));
}
