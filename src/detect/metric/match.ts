import { iou } from "../box.ts";
import type { Prediction } from "../detector.ts";
import { byScore } from "../nms.ts";

/** How many detections of one network a second one still finds. */
export interface Kept {
  /** Detections that were found again. */
  readonly kept: number;
  /** Detections there were to find. */
  readonly total: number;
  /** kept / total; 1 when there was nothing to keep. */
  readonly share: number;
}

/** When two detections are the same. */
export interface KeptOptions {
  /** Least IoU of partners. Default 0.5. */
  readonly iouThreshold?: number;
  /** Detections below this score do not exist, on either side. Default 0. */
  readonly minScore?: number;
}

/**
 * Detections kept: the reference detections, best first, that find a partner among the others of the same picture,
 * same class, IoU at least the threshold; each partner serves once, the best overlap first.
 *
 * Both lists have one entry a picture, in the same order.
 */
export function detectionsKept(
  reference: readonly (readonly Prediction[])[],
  other: readonly (readonly Prediction[])[],
  options: KeptOptions = {},
): Kept {
  const { minScore = 0 } = options;
  const pairs = reference.map((list, i) => partners(list, other[i] ?? [], options));
  const total = reference.reduce((sum, list) => sum + list.filter((p) => p.score >= minScore).length, 0);
  const kept = pairs.reduce((sum, list) => sum + list.length, 0);
  return { kept, total, share: total === 0 ? 1 : kept / total };
}

/** Partners of one picture as index pairs [reference, other], best reference first. */
export function partners(reference: readonly Prediction[], other: readonly Prediction[], options: KeptOptions = {}): [number, number][] {
  const { iouThreshold = 0.5, minScore = 0 } = options;
  const used = new Set<number>();
  const pairs: [number, number][] = [];
  for (const i of byScore(reference.map((p) => p.score))) {
    const wanted = reference[i];
    if (wanted.score < minScore) continue;
    let best = iouThreshold;
    let match = -1;
    other.forEach((candidate, j) => {
      if (candidate.label !== wanted.label || candidate.score < minScore || used.has(j)) return;
      const value = iou(wanted.box, candidate.box);
      if (value > best || (value === best && match < 0)) [best, match] = [value, j];
    });
    if (match < 0) continue;
    used.add(match);
    pairs.push([i, match]);
  }
  return pairs;
}
