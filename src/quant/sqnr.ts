import { log } from "../elementary.ts";
import { ShapeError } from "../errors.ts";
import { formatShape, sameShape, type Tensor } from "../tensor/index.ts";

/**
 * Signal to quantization noise, 10 log10(sum x^2 / sum (x^ - x)^2), in dB.
 *
 * Infinity where nothing was lost, -Infinity where there was no signal to lose but there is noise.
 *
 * Shape: both the same shape, any. Errors: ShapeError where they differ.
 */
export function sqnr(x: Tensor, quantized: Tensor): number {
  if (!sameShape(x.shape, quantized.shape)) {
    throw new ShapeError("sqnr", `shapes must be equal, got ${formatShape(x.shape)} and ${formatShape(quantized.shape)}`);
  }
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < x.size; i++) {
    const v = x.data[i];
    const d = quantized.data[i] - v;
    signal += v * v;
    noise += d * d;
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : (10 / Math.LN10) * log(signal / noise);
}
