import { type RoiAlignAttrs, roiAlign, Tensor } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** Boxes must be constants: they are part of the op. */
const roiAlignRow: OperatorRow = {
  type: "RoiAlign",
  build(call) {
    const { attributes: a } = call;
    const [boxes, images] = [call.constant(1), call.constant(2)];
    const mode = a.string("mode", "avg");
    if (mode !== "avg") call.fail(`mode must be avg, got ${mode}`);
    const rule = a.string("coordinate_transformation_mode", call.opset < 16 ? "output_half_pixel" : "half_pixel");
    if (rule !== "half_pixel" && rule !== "output_half_pixel") {
      call.fail(`coordinate_transformation_mode must be half_pixel or output_half_pixel, got ${rule}`);
    }
    if (boxes.shape.length !== 2 || boxes.shape[1] !== 4 || images.size !== boxes.shape[0]) {
      call.fail(`boxes must be [R,4] with R image numbers, got [${boxes.shape.join(",")}] and ${images.size}`);
    }
    const attrs: RoiAlignAttrs = {
      rois: Array.from({ length: images.size }, (_, i) => [images.data[i], ...boxes.data.subarray(4 * i, 4 * i + 4)]),
      output: [a.int("output_height", 1), a.int("output_width", 1)],
      samplingRatio: a.int("sampling_ratio", 0) || -1,
      spatialScale: a.float("spatial_scale", 1),
      aligned: rule === "half_pixel",
    };
    call.write(roiAlign, [call.input(0)], attrs);
  },
};

/** Corners x1, y1, x2, y2 of a box that is given by any two opposite corners, y first, or by its centre and size. */
function cornersOf(box: ArrayLike<number>, centred: boolean): readonly [number, number, number, number] {
  const [a, b, c, d] = [box[0], box[1], box[2], box[3]];
  if (centred) return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  return [Math.min(b, d), Math.min(a, c), Math.max(b, d), Math.max(a, c)];
}

function overlap(p: readonly number[], q: readonly number[]): number {
  const width = Math.max(0, Math.min(p[2], q[2]) - Math.max(p[0], q[0]));
  const height = Math.max(0, Math.min(p[3], q[3]) - Math.max(p[1], q[1]));
  const area = (r: readonly number[]): number => (r[2] - r[0]) * (r[3] - r[1]);
  const shared = width * height;
  return shared > 0 ? shared / (area(p) + area(q) - shared) : 0;
}

interface Suppression {
  readonly most: number;
  readonly iou: number;
  readonly least: number;
}

/** Indices of the boxes of one class that stay, best first. */
function keep(boxes: readonly (readonly number[])[], scores: ArrayLike<number>, { most, iou, least }: Suppression): number[] {
  const order = boxes.map((_, i) => i).filter((i) => scores[i] > least);
  order.sort((i, j) => scores[j] - scores[i] || i - j);
  const kept: number[] = [];
  for (const i of order) {
    if (kept.length >= most) break;
    if (kept.every((j) => !(overlap(boxes[i], boxes[j]) > iou))) kept.push(i);
  }
  return kept;
}

/** How many boxes stay depends on values, so boxes and scores must be constants. */
const nonMaxSuppression: OperatorRow = {
  type: "NonMaxSuppression",
  build(call: NodeCall) {
    const [boxes, scores] = [call.constant(0), call.constant(1)];
    const [most, iou, least] = [2, 3, 4].map((i) => call.numbers(i)?.[0]);
    const centred = call.attributes.int("center_point_box", 0) !== 0;
    const [images, classes, count] = scores.shape;
    const rule: Suppression = { most: most ?? 0, iou: iou ?? 0, least: least ?? -Infinity };
    const found: number[] = [];
    for (let n = 0; n < images; n++) {
      const corners = Array.from({ length: count }, (_, i) => cornersOf(boxes.data.subarray((n * count + i) * 4), centred));
      for (let c = 0; c < classes; c++) {
        const start = (n * classes + c) * count;
        for (const i of keep(corners, scores.data.subarray(start, start + count), rule)) found.push(n, c, i);
      }
    }
    const value = new Tensor([found.length / 3, 3], "i32", Int32Array.from(found));
    call.define({ meta: value, value });
  },
};

export const regionRows: readonly OperatorRow[] = [roiAlignRow, nonMaxSuppression];
