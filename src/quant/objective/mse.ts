import { ShapeError } from "../../errors.ts";
import { abs, formatShape, mean, pow, sameShape, square, sub, sum, type Tensor } from "../../tensor/index.ts";

/** Difference of a quantized and a reference tensor of equal shape. */
export function difference(op: string, reference: Tensor, quantized: Tensor): Tensor {
  if (!sameShape(reference.shape, quantized.shape)) {
    throw new ShapeError(op, `shapes must be equal, got ${formatShape(reference.shape)} and ${formatShape(quantized.shape)}`);
  }
  return sub(quantized, reference);
}

/**
 * Mean over volumes of the sum over channels of |y^ - y|^p (axis 1), a scalar.
 *
 * Shape: both [N,C,...]. Source: the reconstruction loss of AdaRound (p = 2) and BRECQ (p = 2.4).
 */
export function mse(reference: Tensor, quantized: Tensor, p = 2): Tensor {
  const d = difference("mse", reference, quantized);
  return mean(sum(p === 2 ? square(d) : pow(abs(d), p), { dim: 1 }));
}
