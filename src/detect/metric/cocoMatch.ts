import { byScore } from "../nms.ts";

/** One box in the terms of the COCO evaluation: corner and size in pixels. */
export interface CocoBox {
  /** Left edge, in pixels. */
  readonly x: number;
  /** Upper edge, in pixels. */
  readonly y: number;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Index of the class. */
  readonly label: number;
}

/** An annotated box; `area` decides its size class. */
export interface CocoTruth extends CocoBox {
  /** Unit: square pixels. */
  readonly area: number;
  /** Whether it stands for a group, which detections may match any number of times. */
  readonly crowd: boolean;
}

/** A detection in the form COCO's reference compares. */
export interface CocoDetection extends CocoBox {
  /** Confidence, higher is surer. */
  readonly score: number;
}

/** Annotations and detections of one picture; detections of equal score count in the order given. */
export interface CocoImage {
  /** The annotated objects. */
  readonly truths: readonly CocoTruth[];
  readonly detections: readonly CocoDetection[];
}

/** One picture, one class, one size class: what the accumulation needs. */
export interface Matches {
  /** Best first. */
  readonly scores: Float64Array;
  /** [thresholds, detections]: 1 hit, 0 miss, -1 counts for nothing. */
  readonly outcomes: Int8Array;
  /** Annotations that count. */
  readonly positives: number;
}

/** Pairwise overlaps [detections, truths]: IoU, or for a crowd the share of the detection inside it. */
export function overlaps(detections: readonly CocoBox[], truths: readonly CocoTruth[]): Float64Array {
  const table = new Float64Array(detections.length * truths.length);
  detections.forEach((d, i) => {
    truths.forEach((t, j) => {
      const w = Math.min(d.x + d.width, t.x + t.width) - Math.max(d.x, t.x);
      const h = Math.min(d.y + d.height, t.y + t.height) - Math.max(d.y, t.y);
      if (w <= 0 || h <= 0) return;
      const own = d.width * d.height;
      table[i * truths.length + j] = (w * h) / (t.crowd ? own : own + t.width * t.height - w * h);
    });
  });
  return table;
}

/** The detections of one picture and class that take part: the best `limit`, best first. */
export function bestDetections(detections: readonly CocoDetection[], limit: number): CocoDetection[] {
  const order = byScore(detections.map((d) => d.score));
  return Array.from(order.subarray(0, limit), (i) => detections[i]);
}

/**
 * Greedy COCO matching: each detection, best first, takes the free annotation it overlaps most at or above the
 * threshold. Annotations outside the size class and crowds are taken only when nothing that counts is left, and make
 * the detection count for nothing; so does an unmatched detection outside the size class.
 */
export function matchImage(
  detections: readonly CocoDetection[],
  truths: readonly CocoTruth[],
  table: Float64Array,
  range: readonly [number, number],
  thresholds: readonly number[],
): Matches {
  const outside = (area: number): boolean => area < range[0] || area > range[1];
  const ignored = truths.map((t) => t.crowd || outside(t.area));
  // Counting annotations first, in their order.
  const order = truths.map((_, j) => j).sort((a, b) => Number(ignored[a]) - Number(ignored[b]));
  const outcomes = new Int8Array(thresholds.length * detections.length);
  const taken = new Uint8Array(truths.length);
  thresholds.forEach((threshold, t) => {
    taken.fill(0);
    detections.forEach((d, i) => {
      let best = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const j of order) {
        if (taken[j] && !truths[j].crowd) continue;
        if (match >= 0 && !ignored[match] && ignored[j]) break;
        const value = table[i * truths.length + j];
        if (value < best) continue;
        best = value;
        match = j;
      }
      if (match >= 0) taken[match] = 1;
      const silent = match >= 0 ? ignored[match] : outside(d.width * d.height);
      outcomes[t * detections.length + i] = silent ? -1 : match >= 0 ? 1 : 0;
    });
  });
  return { scores: Float64Array.from(detections, (d) => d.score), outcomes, positives: ignored.filter((i) => !i).length };
}
