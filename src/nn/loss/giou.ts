import { add, atan, detach, div, maximum, minimum, mul, relu, reshape, slice, square, sub, type Tensor } from "../../tensor/index.ts";
import { type Reduction, reduceLoss } from "./reduction.ts";

/** Options of the box losses. Defaults: "none", eps 1e-7. */
export interface BoxLossOptions {
  /** Default "none". */
  readonly reduction?: Reduction;
  readonly eps?: number;
}

/** The four columns of boxes [N,4], each [N,1]: x1, y1, x2, y2. */
const columns = (boxes: Tensor): Tensor[] => [0, 1, 2, 3].map((start) => slice(boxes, { dim: 1, start, end: start + 1 }));

/** Overlap over union, the union, and width and height of the smallest box around both; all [N,1]. */
function compare(x: Tensor, t: Tensor, eps: number): { iou: Tensor; union: Tensor; width: Tensor; height: Tensor } {
  const [x1, y1, x2, y2] = columns(x);
  const [u1, v1, u2, v2] = columns(t);
  const across = relu(sub(minimum(x2, u2), maximum(x1, u1)));
  const down = relu(sub(minimum(y2, v2), maximum(y1, v1)));
  const inter = mul(across, down);
  const union = sub(add(mul(sub(x2, x1), sub(y2, y1)), mul(sub(u2, u1), sub(v2, v1))), inter);
  return {
    iou: div(inter, add(union, eps)),
    union,
    width: sub(maximum(x2, u2), minimum(x1, u1)),
    height: sub(maximum(y2, v2), minimum(y1, v1)),
  };
}

const perBox = (loss: Tensor, reduction: Reduction): Tensor =>
  reduction === "none" ? reshape(loss, { shape: [loss.shape[0]] }) : reduceLoss(loss, reduction);

/** 1 - GIoU of boxes x and t [N,4] as x1, y1, x2, y2; [N] with "none". Source: Rezatofighi et al. 2019, Alg. 2. */
export function giouLoss(x: Tensor, t: Tensor, { reduction = "none", eps = 1e-7 }: BoxLossOptions = {}): Tensor {
  const { iou, union, width, height } = compare(x, t, eps);
  const hull = mul(width, height);
  const slack = div(sub(hull, union), add(hull, eps));
  return perBox(add(sub(1, iou), slack), reduction);
}

/** IoU, and the squared distance of the centres over the hull's squared diagonal; both [N,1]. */
function distances(x: Tensor, t: Tensor, eps: number): { iou: Tensor; apart: Tensor } {
  const { iou, width, height } = compare(x, t, eps);
  const diagonal = add(add(square(width), square(height)), eps);
  const [x1, y1, x2, y2] = columns(sub(x, t));
  const apart = mul(add(square(add(x1, x2)), square(add(y1, y2))), 0.25);
  return { iou, apart: div(apart, diagonal) };
}

/**
 * 1 - DIoU: squared distance of the centres over the hull's squared diagonal is added. Source: Zheng et al. 2020, eq.
 * 7. Shape: boxes [..., 4] each → [...] without a reduction.
 */
export function diouLoss(x: Tensor, t: Tensor, { reduction = "none", eps = 1e-7 }: BoxLossOptions = {}): Tensor {
  const { iou, apart } = distances(x, t, eps);
  return perBox(add(sub(1, iou), apart), reduction);
}

/** Angle of the diagonal of boxes [N,4] to the vertical, [N,1]. */
function angle(boxes: Tensor): Tensor {
  const [x1, y1, x2, y2] = columns(boxes);
  return atan(div(sub(x2, x1), sub(y2, y1)));
}

/**
 * 1 - CIoU: to DIoU's terms comes alpha v, v = 4/pi^2 (difference of the diagonals' angles)^2, with the weight alpha
 * = v / (1 - IoU + v + eps), which counts as a constant in the gradient. Source: Zheng et al. 2020, eq. 8-11. Shape:
 * boxes [..., 4] each → [...] without a reduction.
 */
export function ciouLoss(x: Tensor, t: Tensor, { reduction = "none", eps = 1e-7 }: BoxLossOptions = {}): Tensor {
  const { iou, apart } = distances(x, t, eps);
  const v = mul(square(sub(angle(t), angle(x))), 4 / Math.PI ** 2);
  const alpha = detach(div(v, add(add(sub(1, iou), v), eps)));
  return perBox(add(add(sub(1, iou), apart), mul(alpha, v)), reduction);
}
