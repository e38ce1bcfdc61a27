import type { Box } from "./detector.ts";

/** Area in square pixels; 0 for a box turned inside out. */
export const area = (b: Box): number => Math.max(0, b[2] - b[0]) * Math.max(0, b[3] - b[1]);

/** Area shared by two boxes. */
export const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));

/** Intersection over union, in [0, 1]; NaN for two boxes without area, which no threshold comparison holds for. */
export function iou(a: Box, b: Box): number {
  const shared = overlap(a, b);
  return shared / (area(a) + area(b) - shared);
}

/** The smallest box around two boxes. */
export const hull = (a: Box, b: Box): Box => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];

/** Generalised IoU (Rezatofighi 2019), in [-1, 1]: IoU less the share of the hull that neither box covers. */
export function giou(a: Box, b: Box): number {
  const shared = overlap(a, b);
  const union = area(a) + area(b) - shared;
  const around = area(hull(a, b));
  return shared / union - (around - union) / around;
}

/** Keeps the ratios of diou and ciou finite; the value of the reference implementation. */
const EPSILON = 1e-7;

/** Distance IoU (Zheng 2020): IoU less the squared centre distance over the squared hull diagonal. */
export function diou(a: Box, b: Box): number {
  const around = hull(a, b);
  const diagonal = (around[2] - around[0]) ** 2 + (around[3] - around[1]) ** 2 + EPSILON;
  const dx = (a[0] + a[2] - b[0] - b[2]) / 2;
  const dy = (a[1] + a[3] - b[1] - b[3]) / 2;
  return iou(a, b) - (dx * dx + dy * dy) / diagonal;
}

/** Complete IoU (Zheng 2020): diou less a penalty for different aspect ratios. */
export function ciou(a: Box, b: Box): number {
  const angle = (box: Box): number => Math.atan((box[2] - box[0]) / (box[3] - box[1]));
  const aspect = (4 / Math.PI ** 2) * (angle(a) - angle(b)) ** 2;
  return diou(a, b) - (aspect * aspect) / (1 - iou(a, b) + aspect + EPSILON);
}

/** x1, y1, x2, y2 from corner and size. */
export const fromXywh = ([x, y, w, h]: readonly [number, number, number, number]): Box => [x, y, x + w, y + h];

/** Corner and size: x1, y1, width, height. */
export const toXywh = (b: Box): [number, number, number, number] => [b[0], b[1], b[2] - b[0], b[3] - b[1]];

/** x1, y1, x2, y2 from centre and size. */
export const fromCxcywh = ([cx, cy, w, h]: readonly [number, number, number, number]): Box => [
  cx - w / 2,
  cy - h / 2,
  cx + w / 2,
  cy + h / 2,
];

/** Centre and size: cx, cy, width, height. */
export const toCxcywh = (b: Box): [number, number, number, number] => [(b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1]];

/** The part of a box inside [0, width] x [0, height]. Units: pixels, as for every box. */
export function clipBox(b: Box, width: number, height: number): Box {
  const x = (v: number): number => Math.min(Math.max(v, 0), width);
  const y = (v: number): number => Math.min(Math.max(v, 0), height);
  return [x(b[0]), y(b[1]), x(b[2]), y(b[3])];
}
