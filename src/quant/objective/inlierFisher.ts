import { ShapeError } from "../../errors.ts";
import { add, allocate, type Data, formatShape, mul, square, sum, Tensor, viewAs } from "../../tensor/index.ts";
import { type FisherOptions, importanceOf, type Layout } from "./importance.ts";
import { difference } from "./mse.ts";

/** What the objective knows about a tensor besides its values. */
export interface Evidence {
  /** Gradient of the saliency loss, [N,C,...]. */
  readonly gradient: Tensor;
  /** 1 where a volume is an inlier, 0 where an anomaly, or a share of both, [N,...] or [N,1,...]; all inliers where absent. */
  readonly inlier?: Tensor;
}

/**
 * Gradient-weighted reconstruction error over the inlier volumes, a scalar: E over I of dx^T H dx with H = g g^T or its
 * diagonal.
 *
 * Shape: reference, quantized and gradient [N,C,...]. Differentiable in `quantized`; the weights are constants.
 * Source: InlierQ eq. 12 (and eq. 6 through lambdaA).
 * Errors: ShapeError where shapes do not fit.
 */
export function inlierFisher(reference: Tensor, quantized: Tensor, { gradient, inlier }: Evidence, options: FisherOptions = {}): Tensor {
  const d = difference("inlierFisher", reference, quantized);
  if (d.shape.length < 2) throw new ShapeError("inlierFisher", `tensors must be [N,C,...], got ${formatShape(d.shape)}`);
  const layout = layoutOf(d);
  const { elements, volumes } = importanceOf(gradient.data, inlier?.data, layout, options);
  const error = sum(mul(constant(d.shape, elements, d), square(d)));
  if (!volumes) return error;
  const inner = sum(mul(d, viewAs(gradient, d.shape)), { dim: 1 });
  return add(error, sum(mul(constant(inner.shape, volumes, d), square(inner))));
}

function layoutOf(x: Tensor): Layout {
  const [samples, channels] = x.shape;
  return { samples, channels, volumes: x.size === 0 ? 0 : x.size / (samples * channels) };
}

/** Weights as a tensor of the float type of `like`. */
function constant(shape: readonly number[], values: Float64Array, like: Tensor): Tensor {
  const data: Data = allocate(like.dtype, values.length);
  data.set(values);
  return new Tensor(shape, like.dtype, data);
}
