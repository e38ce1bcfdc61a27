import { DTypeError, ShapeError } from "../errors.ts";
import { formatShape, l1Norm, type Tensor } from "../tensor/index.ts";

/**
 * The axis that runs over the elements of one volume (pixel, voxel, token), by rank: channels first for maps
 * [N,C,h,w], [N,C,d,h,w] and rows [M,C], channels last for tokens and points [N,Q,D].
 */
export function volumeAxis(rank: number): number {
  if (rank === 3) return 2;
  if (rank === 2 || rank === 4 || rank === 5) return 1;
  throw new ShapeError("saliency", `a gradient must have 2 to 5 dimensions, got ${rank}`);
}

/**
 * Volume saliency: how strongly each position moves the loss, h = sum over channels of |dL/dx|.
 *
 * Shape: gradient [N,C,h,w] to [N,h,w], non-negative; `axis` (default by rank, see `volumeAxis`) is the axis summed
 * away. Unit: loss per activation unit. Source: InlierQ eq. 9 (L1 norm, not divided by the number of channels).
 *
 * Errors: DTypeError for integers, ShapeError for a rank outside 2 to 5.
 */
export function saliency(gradient: Tensor, axis: number = volumeAxis(gradient.shape.length)): Tensor {
  if (gradient.dtype !== "f32" && gradient.dtype !== "f64") {
    throw new DTypeError("saliency", `a gradient must be f32 or f64, got ${gradient.dtype}${formatShape(gradient.shape)}`);
  }
  return l1Norm(gradient, { dim: axis });
}
