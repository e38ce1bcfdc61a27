import { DTypeError, ShapeError } from "../errors.ts";
import { allocate, type Data, formatShape, kernelPolicy, normalizeAxis, sizeOf, Tensor } from "../tensor/index.ts";
import { magnitudeSums } from "./kernels/volumeSums.ts";

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
 */
export function saliency(gradient: Tensor, axis: number = volumeAxis(gradient.shape.length)): Tensor {
  if (gradient.dtype !== "f32" && gradient.dtype !== "f64") {
    throw new DTypeError("saliency", `a gradient must be f32 or f64, got ${gradient.dtype}${formatShape(gradient.shape)}`);
  }
  const dim = normalizeAxis("saliency", axis, gradient.shape.length);
  const shape = gradient.shape.filter((_, i) => i !== dim);
  const outer = sizeOf(gradient.shape.slice(0, dim));
  const length = gradient.shape[dim];
  const inner = sizeOf(gradient.shape.slice(dim + 1));
  const data = allocate(gradient.dtype, outer * inner);
  for (let n = 0; n < outer; n++) {
    const block = gradient.data.subarray(n * length * inner, (n + 1) * length * inner);
    data.set(fastSums(block, length, inner) ?? plainSums(block, inner), n * inner);
  }
  return new Tensor(shape, gradient.dtype, data);
}

const fastSums = (block: Data, channels: number, positions: number): Float64Array | undefined =>
  block instanceof Float32Array && kernelPolicy() !== "reference" ? magnitudeSums(block, channels, positions) : undefined;

function plainSums(block: Data, positions: number): Float64Array {
  const sums = new Float64Array(positions);
  for (let i = 0, p = 0; i < block.length; i++) {
    sums[p] += Math.abs(block[i]);
    p = p + 1 === positions ? 0 : p + 1;
  }
  return sums;
}
