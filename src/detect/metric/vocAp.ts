import { ArgumentError } from "../../errors.ts";
import type { Box, GroundTruth, Prediction } from "../detector.ts";
import { byScore } from "../nms.ts";
import type { Evaluated } from "./cocoAp.ts";

/** One class: `ap` is NaN where nothing was annotated. */
export interface VocClassScores {
  /** Average precision, a share in [0, 1]. */
  readonly ap: number;
  /** Annotations that count (not difficult). */
  readonly positives: number;
  /** Detections that found an annotation. */
  readonly hits: number;
  /** Detections that found none, or one found before. */
  readonly misses: number;
}

/** What an evaluation after Pascal VOC gives; precisions are shares in [0, 1]. */
export interface VocScores {
  /** Mean over the annotated classes; NaN without any. */
  readonly map: number;
  /** One entry a class, in the order of the labels. */
  readonly perClass: readonly VocClassScores[];
}

/** How an evaluation after Pascal VOC counts. */
export interface VocOptions {
  /** Number of classes: labels run from 0 to classes - 1. */
  readonly classes: number;
  /** Default 0.5; a hit needs at least this IoU. */
  readonly iouThreshold?: number;
  /** Area under the whole curve (VOC 2010 on), or the mean at recalls 0, 0.1, ... 1. Default "everyPoint". */
  readonly curve?: "everyPoint" | "elevenPoint";
  /** Whether both edge pixels belong to a box, so that widths are x2 - x1 + 1. Default true, as in Pascal VOC. */
  readonly inclusive?: boolean;
}

/** One detection of a results list: a prediction and the index of its picture. */
export interface VocDetection extends Prediction {
  /** Index of its picture. */
  readonly image: number;
}

/** Pascal VOC average precision of predictions: `vocEvaluate` picture by picture. Errors: as `vocEvaluate`. */
export const vocAp = (images: readonly Evaluated[], options: VocOptions): VocScores =>
  vocEvaluate(
    images.flatMap(({ predicted }, image) => predicted.map((p) => ({ ...p, image }))),
    images.map((i) => i.truth),
    options,
  );

/**
 * Pascal VOC average precision. A detection goes to the annotation of its class it overlaps most: a hit when that one
 * is free, a miss when it was found before or the overlap is too small, nothing when it is difficult. Detections of
 * equal score count in the order of the list; `truths` has one entry a picture.
 *
 * Errors: ArgumentError for a threshold outside (0, 1] or a picture that is not there.
 */
export function vocEvaluate(
  detections: readonly VocDetection[],
  truths: readonly (readonly GroundTruth[])[],
  options: VocOptions,
): VocScores {
  const { classes, iouThreshold = 0.5, curve = "everyPoint", inclusive = true } = options;
  if (!(iouThreshold > 0 && iouThreshold <= 1)) throw new ArgumentError("vocAp", `iouThreshold must lie in (0, 1], got ${iouThreshold}`);
  const perClass = Array.from({ length: classes }, (_, label) => {
    const own = truths.map((list) => list.filter((t) => t.label === label));
    const positives = own.flat().filter((t) => !t.difficult).length;
    const found = detections.filter((d) => d.label === label);
    const outcomes = judge(found, own, iouThreshold, inclusive ? 1 : 0);
    const hits = outcomes.filter((hit) => hit).length;
    const ap = positives === 0 ? Number.NaN : areaUnder(outcomes, positives, curve);
    return { ap, positives, hits, misses: outcomes.length - hits };
  });
  const known = perClass.filter((c) => c.positives > 0);
  return { map: known.reduce((sum, c) => sum + c.ap, 0) / known.length, perClass };
}

/** Hit or miss of every detection that counts, best first. */
function judge(found: readonly VocDetection[], truths: readonly (readonly GroundTruth[])[], iouThreshold: number, edge: number): boolean[] {
  const taken = truths.map((list) => list.map(() => false));
  const outcomes: boolean[] = [];
  for (const i of byScore(found.map((f) => f.score))) {
    const { image, box } = found[i];
    if (!truths[image]) throw new ArgumentError("vocEvaluate", `image must be below ${truths.length}, got ${image} (detection ${i})`);
    let best = -Infinity;
    let match = -1;
    truths[image].forEach((truth, j) => {
      const value = pixelIou(box, truth.box, edge);
      if (value > best) [best, match] = [value, j];
    });
    const near = match >= 0 && best >= iouThreshold;
    if (near && truths[image][match].difficult) continue;
    outcomes.push(near && !taken[image][match]);
    if (near) taken[image][match] = true;
  }
  return outcomes;
}

/** IoU where a box is `edge` pixels wider and higher than the difference of its corners. */
function pixelIou(a: Box, b: Box, edge: number): number {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]) + edge;
  const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]) + edge;
  if (w <= 0 || h <= 0) return 0;
  const size = (box: Box): number => (box[2] - box[0] + edge) * (box[3] - box[1] + edge);
  return (w * h) / (size(a) + size(b) - w * h);
}

function areaUnder(outcomes: readonly boolean[], positives: number, curve: "everyPoint" | "elevenPoint"): number {
  const recalls: number[] = [];
  const precisions: number[] = [];
  let hits = 0;
  outcomes.forEach((hit, i) => {
    if (hit) hits++;
    recalls.push(hits / positives);
    precisions.push(hits / (i + 1));
  });
  if (curve === "elevenPoint") {
    let sum = 0;
    // k * 0.1 in floating point: 0.6000000000000001 leaves out a recall of exactly 0.6, as the reference does.
    for (let k = 0; k <= 10; k++) sum += precisions.reduce((best, p, i) => (recalls[i] >= k * 0.1 ? Math.max(best, p) : best), 0);
    return sum / 11;
  }
  for (let i = precisions.length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1], precisions[i]);
  return recalls.reduce((sum, recall, i) => sum + (recall - (i > 0 ? recalls[i - 1] : 0)) * precisions[i], 0);
}
