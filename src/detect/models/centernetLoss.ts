import { ArgumentError } from "../../errors.ts";
import { centernetFocalLoss, centernetRegL1Loss } from "../../nn/index.ts";
import { add, mul, Tensor } from "../../tensor/index.ts";
import type { GroundTruth, Heads } from "../detector.ts";
import { drawGaussian, gaussianRadius } from "../heatmap.ts";

/** What CenterNet should predict for a batch with K rows for objects. */
export type CenterTargets = {
  /** [N,classes,h,w], 1 at object centres. */
  readonly heatmap: Tensor;
  /** [N,K] cell of each object's centre (i32) and whether the row holds one (u8). */
  readonly cells: Tensor;
  /** 1 where a row holds an object: u8 [N,K]. */
  readonly mask: Tensor;
  /** [N,K,2]: width and height, and where in its cell the centre lies, both in cells. */
  readonly size: Tensor;
  /** Where the centre lies in its cell: [N,K,2], in cells. */
  readonly offset: Tensor;
};

/** The map that targets are drawn on. */
export interface TargetGrid {
  /** Channels of the heatmap. */
  readonly classes: number;
  /** Of the map, in cells. */
  readonly width: number;
  /** Of the map, in cells. */
  readonly height: number;
  /** Input pixels per cell. */
  readonly stride: number;
  /** Rows for objects, K: as many as in the fullest picture where fewer are asked for. Default 1. */
  readonly rows?: number;
}

/** Least IoU that a box moved to the edge of its peak keeps with the truth. Source: CornerNet Sec. 3.2, as CenterNet ships it. */
const MIN_OVERLAP = 0.7;

/**
 * Targets of a batch from its objects, boxes in pixels of the network input.
 *
 * Errors: ArgumentError when a centre lies outside of the map or a label is no class.
 */
export function centerTargets(batch: readonly (readonly GroundTruth[])[], grid: TargetGrid): CenterTargets {
  const { classes, width, height, stride, rows: least = 1 } = grid;
  const cellsPerMap = width * height;
  const rows = Math.max(least, ...batch.map((truth) => truth.length));
  const heatmap = new Float32Array(batch.length * classes * cellsPerMap);
  const cells = new Int32Array(batch.length * rows);
  const mask = new Uint8Array(batch.length * rows);
  const size = new Float32Array(batch.length * rows * 2);
  const offset = new Float32Array(batch.length * rows * 2);
  batch.forEach((truth, n) => {
    truth.forEach(({ box, label }, k) => {
      const [x1, y1, x2, y2] = box.map((v) => v / stride);
      const [cx, cy] = [Math.floor((x1 + x2) / 2), Math.floor((y1 + y2) / 2)];
      if (!(cx >= 0 && cx < width && cy >= 0 && cy < height && label >= 0 && label < classes)) {
        throw new ArgumentError(
          "centerTargets",
          `objects must lie on the ${width}x${height} map of ${classes} classes, got one of class ${label} at ${box.join(", ")}`,
        );
      }
      const channel = heatmap.subarray((n * classes + label) * cellsPerMap, (n * classes + label + 1) * cellsPerMap);
      drawGaussian(channel, width, cx, cy, Math.max(0, Math.floor(gaussianRadius(y2 - y1, x2 - x1, MIN_OVERLAP))));
      const row = n * rows + k;
      cells[row] = cy * width + cx;
      mask[row] = 1;
      size.set([x2 - x1, y2 - y1], row * 2);
      offset.set([(x1 + x2) / 2 - cx, (y1 + y2) / 2 - cy], row * 2);
    });
  });
  return {
    heatmap: new Tensor([batch.length, classes, height, width], "f32", heatmap),
    cells: new Tensor([batch.length, rows], "i32", cells),
    mask: new Tensor([batch.length, rows], "u8", mask),
    size: new Tensor([batch.length, rows, 2], "f32", size),
    offset: new Tensor([batch.length, rows, 2], "f32", offset),
  };
}

/** Weight of the size term. Source: CenterNet eq. 4. */
const SIZE_WEIGHT = 0.1;

/** Focal loss of the heatmap logits + 0.1 L1 of sizes + L1 of offsets; a scalar. Source: CenterNet eq. 4. */
export function centernetLoss(logits: Heads, targets: CenterTargets): Tensor {
  const { cells, mask } = targets;
  const heat = centernetFocalLoss(logits.heatmap, targets.heatmap);
  const size = centernetRegL1Loss(logits.size, cells, mask, targets.size);
  const offset = centernetRegL1Loss(logits.offset, cells, mask, targets.offset);
  return add(add(heat, mul(size, SIZE_WEIGHT)), offset);
}
