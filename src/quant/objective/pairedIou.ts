import { add, div, greater, maximum, minimum, mul, relu, slice, sub, type Tensor, where } from "../../tensor/index.ts";

/**
 * IoU of the boxes at the same positions, in [0, 1]; 0 where one of them has no area, also where it is turned inside out.
 *
 * Shape: both [N, 4, P] as x1, y1, x2, y2 → [N, 1, P]. Definition: the shared area over that of both.
 */
export function pairedIou(a: Tensor, b: Tensor): Tensor {
  const [[ax1, ay1, ax2, ay2], [bx1, by1, bx2, by2]] = [edges(a), edges(b)];
  const area = (width: Tensor, height: Tensor): Tensor => mul(relu(width), relu(height));
  const shared = area(sub(minimum(ax2, bx2), maximum(ax1, bx1)), sub(minimum(ay2, by2), maximum(ay1, by1)));
  const both = add(area(sub(ax2, ax1), sub(ay2, ay1)), area(sub(bx2, bx1), sub(by2, by1)));
  // Rounding may take the union below the intersection.
  return where(greater(shared, 0), minimum(div(shared, sub(both, shared)), 1), 0);
}

const edges = (boxes: Tensor): Tensor[] => [0, 1, 2, 3].map((start) => slice(boxes, { dim: 1, start, end: start + 1 }));
