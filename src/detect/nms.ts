import { iou } from "./box.ts";
import type { Box, Prediction } from "./detector.ts";

/** Indices by descending score; equal scores keep their order. Shape: [n] → [n]. */
export function byScore(scores: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
}

/**
 * Non-maximum suppression: indices kept, best score first. A box goes when its IoU with a better kept one is greater
 * than the threshold (strictly); equal scores: the lower index is the better one. Shape: n boxes and scores [n] →
 * [kept].
 */
export function nms(boxes: readonly Box[], scores: ArrayLike<number>, iouThreshold: number): Int32Array {
  return classwiseNms(boxes, scores, new Uint8Array(boxes.length), iouThreshold);
}

/** `nms` in which boxes of different labels leave each other alone. Shape: n boxes, scores and labels [n] → [kept]. */
export function classwiseNms(
  boxes: readonly Box[],
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  iouThreshold: number,
): Int32Array {
  const kept: number[] = [];
  const rivals = new Map<number, Box[]>();
  for (const i of byScore(scores)) {
    const better = rivals.get(labels[i]) ?? [];
    if (better.some((box) => iou(box, boxes[i]) > iouThreshold)) continue;
    better.push(boxes[i]);
    rivals.set(labels[i], better);
    kept.push(i);
  }
  return Int32Array.from(kept);
}

/** The best `limit` predictions after class-wise suppression, best first. */
export function suppress(predictions: readonly Prediction[], iouThreshold: number, limit: number): Prediction[] {
  const kept = classwiseNms(
    predictions.map((p) => p.box),
    predictions.map((p) => p.score),
    predictions.map((p) => p.label),
    iouThreshold,
  );
  return Array.from(kept.subarray(0, limit), (i) => predictions[i]);
}
