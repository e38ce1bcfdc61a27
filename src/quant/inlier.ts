import type { Separation } from "../em/index.ts";
import { Tensor } from "../tensor/index.ts";

/**
 * The inlier set as a mask: 1 where a volume's saliency makes it an inlier, 0 for anomalies.
 *
 * Shape: scores [N,h,w] (or any) to u8 of the same shape. Source: InlierQ eq. 11.
 */
export function inlierMask(scores: Tensor, separation: Pick<Separation, "isInlier">): Tensor {
  const mask = new Uint8Array(scores.size);
  for (let i = 0; i < mask.length; i++) mask[i] = separation.isInlier(scores.data[i]) ? 1 : 0;
  return new Tensor(scores.shape, "u8", mask);
}

/**
 * P(inlier | saliency) of every volume, in [0, 1], for soft weights and pictures.
 *
 * Shape: scores [N,h,w] (or any) to f64 of the same shape. Source: InlierQ eq. 10.
 */
export function inlierPosterior(scores: Tensor, separation: Pick<Separation, "posterior">): Tensor {
  const values = new Float64Array(scores.size);
  for (let i = 0; i < values.length; i++) values[i] = separation.posterior(scores.data[i]);
  return new Tensor(scores.shape, "f64", values);
}
