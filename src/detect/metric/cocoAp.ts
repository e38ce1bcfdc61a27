import { area, toXywh } from "../box.ts";
import type { GroundTruth, Prediction } from "../detector.ts";
import { byScore } from "../nms.ts";
import { bestDetections, type CocoImage, type Matches, matchImage, overlaps } from "./cocoMatch.ts";

/** IoU thresholds 0.50:0.05:0.95 as the reference computes them, start + i * step: comparisons at exact values depend on it. */
export const COCO_IOU_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) => 0.5 + i * ((0.95 - 0.5) / 9));
/** Recall points 0:0.01:1, computed likewise. */
export const COCO_RECALLS: readonly number[] = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));
/** Size classes in square pixels: all, small, medium, large; both ends belong. */
export const COCO_AREAS: readonly (readonly [number, number])[] = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
];

/** The twelve COCO numbers, in [0, 1]; -1 where nothing was annotated. */
export interface CocoStats {
  /** Mean over the IoU thresholds 0.50 to 0.95, all sizes, 100 detections; a share in [0, 1], as all of these. */
  readonly AP: number;
  /** At IoU 0.50, in [0, 1]. */
  readonly AP50: number;
  /** At IoU 0.75, in [0, 1]. */
  readonly AP75: number;
  /** Objects below 32² square pixels. */
  readonly APsmall: number;
  /** Objects of 32² to 96² square pixels. */
  readonly APmedium: number;
  /** Objects above 96² square pixels. */
  readonly APlarge: number;
  /** Mean recall with 1 detection a picture. */
  readonly AR1: number;
  /** Mean recall with 10. */
  readonly AR10: number;
  /** Mean recall with 100. */
  readonly AR100: number;
  /** Mean recall with 100, objects below 32² square pixels. */
  readonly ARsmall: number;
  /** The same, objects of 32² to 96² square pixels. */
  readonly ARmedium: number;
  /** The same, objects above 96² square pixels. */
  readonly ARlarge: number;
}

/** One class at all sizes and the largest detection cap; -1 where it was never annotated. */
export interface CocoClassStats {
  /** Mean over the IoU thresholds, in [0, 1]. */
  readonly AP: number;
  /** At IoU 0.50, in [0, 1]. */
  readonly AP50: number;
  /** At IoU 0.75, in [0, 1]. */
  readonly AP75: number;
  /** Mean recall over the IoU thresholds, in [0, 1]. */
  readonly AR: number;
}

/** What an evaluation after COCO gives. */
export interface CocoScores {
  /** The twelve numbers. */
  readonly stats: CocoStats;
  /** One entry a class, in the order of the labels; a single entry when classes are pooled. */
  readonly perClass: readonly CocoClassStats[];
  /** [IoU thresholds, recall points, classes, areas, caps]; -1 where nothing was annotated. */
  readonly precision: Float64Array;
  /** [IoU thresholds, classes, areas, caps]. */
  readonly recall: Float64Array;
}

/** How an evaluation after COCO counts. */
export interface CocoOptions {
  /** Number of classes: labels run from 0 to classes - 1. */
  readonly classes: number;
  /** Three caps on detections per picture and class. Default [1, 10, 100]. */
  readonly maxDetections?: readonly [number, number, number];
  /** Whether a detection must name the right class. Default true. */
  readonly useClasses?: boolean;
}

/** What was found and what was there in one picture. */
export interface Evaluated {
  /** The detections, boxes in pixels of the picture. */
  readonly predicted: readonly Prediction[];
  /** The annotated objects, boxes in pixels of the picture. */
  readonly truth: readonly GroundTruth[];
}

/** COCO average precision of predictions: `cocoEvaluate` after turning corner boxes into corner and size. */
export const cocoAp = (images: readonly Evaluated[], options: CocoOptions): CocoScores => cocoEvaluate(images.map(toCoco), options);

function toCoco({ predicted, truth }: Evaluated): CocoImage {
  const at = (box: Prediction["box"], label: number) => {
    const [x, y, width, height] = toXywh(box);
    return { x, y, width, height, label };
  };
  return {
    detections: predicted.map((p) => ({ ...at(p.box, p.label), score: p.score })),
    truths: truth.map((t) => ({ ...at(t.box, t.label), area: t.area ?? area(t.box), crowd: t.crowd ?? false })),
  };
}

/**
 * The COCO detection evaluation: greedy matching per picture and class, precision at 101 recall points, mean over ten
 * IoU thresholds. Pictures count in the order given (the reference: ascending id), which decides ties of the score.
 *
 * Source: cocodataset/cocoapi, `COCOeval` for boxes.
 */
export function cocoEvaluate(images: readonly CocoImage[], options: CocoOptions): CocoScores {
  const { maxDetections = [1, 10, 100], useClasses = true } = options;
  const classes = useClasses ? options.classes : 1;
  const caps = maxDetections.length;
  const cap = Math.max(...maxDetections);
  const precision = new Float64Array(COCO_IOU_THRESHOLDS.length * COCO_RECALLS.length * classes * COCO_AREAS.length * caps).fill(-1);
  const recall = new Float64Array(COCO_IOU_THRESHOLDS.length * classes * COCO_AREAS.length * caps).fill(-1);
  for (let k = 0; k < classes; k++) {
    const own = images.map((image) => {
      const detections = bestDetections(useClasses ? image.detections.filter((d) => d.label === k) : image.detections, cap);
      const truths = useClasses ? image.truths.filter((t) => t.label === k) : image.truths;
      return { detections, truths, table: overlaps(detections, truths) };
    });
    COCO_AREAS.forEach((range, a) => {
      const matched = own.map((o) => matchImage(o.detections, o.truths, o.table, range, COCO_IOU_THRESHOLDS));
      maxDetections.forEach((limit, m) => {
        const write: CurveSink = (t, values, last) => {
          recall[((t * classes + k) * COCO_AREAS.length + a) * caps + m] = last;
          values.forEach((p, r) => {
            precision[(((t * COCO_RECALLS.length + r) * classes + k) * COCO_AREAS.length + a) * caps + m] = p;
          });
        };
        accumulate(matched, limit, write);
      });
    });
  }
  return summarise(precision, recall, classes, caps);
}

type CurveSink = (threshold: number, precision: Float64Array, recall: number) => void;

/** Joins the pictures by score and hands over the interpolated precision and the final recall per IoU threshold. */
function accumulate(matched: readonly Matches[], limit: number, write: CurveSink): void {
  const positives = matched.reduce((sum, m) => sum + m.positives, 0);
  if (positives === 0) return;
  const scores: number[] = [];
  const source: [Matches, number][] = [];
  for (const m of matched) {
    for (let i = 0; i < Math.min(limit, m.scores.length); i++) {
      scores.push(m.scores[i]);
      source.push([m, i]);
    }
  }
  const order = byScore(scores);
  COCO_IOU_THRESHOLDS.forEach((_, t) => {
    const recalls = new Float64Array(order.length);
    const precisions = new Float64Array(order.length);
    let hits = 0;
    let misses = 0;
    order.forEach((at, i) => {
      const [m, d] = source[at];
      const outcome = m.outcomes[t * m.scores.length + d];
      if (outcome === 1) hits++;
      else if (outcome === 0) misses++;
      recalls[i] = hits / positives;
      precisions[i] = hits / (hits + misses + Number.EPSILON);
    });
    write(t, atRecalls(recalls, precisions), order.length > 0 ? recalls[order.length - 1] : 0);
  });
}

/** Best precision at or beyond each recall point; 0 beyond the last recall. */
function atRecalls(recalls: Float64Array, precisions: Float64Array): Float64Array {
  for (let i = precisions.length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1], precisions[i]);
  const values = new Float64Array(COCO_RECALLS.length);
  let i = 0;
  COCO_RECALLS.forEach((point, r) => {
    while (i < recalls.length && recalls[i] < point) i++;
    values[r] = i < recalls.length ? precisions[i] : 0;
  });
  return values;
}

/** Mean of the values that mean something (above -1); -1 when none does. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    if (value <= -1) return;
    this.#sum += value;
    this.#count++;
  }

  get value(): number {
    return this.#count === 0 ? -1 : this.#sum / this.#count;
  }
}

function summarise(precision: Float64Array, recall: Float64Array, classes: number, caps: number): CocoScores {
  const areas = COCO_AREAS.length;
  const all = COCO_IOU_THRESHOLDS.map((_, t) => t);
  const every = Array.from({ length: classes }, (_, k) => k);
  const ap = (thresholds: readonly number[], labels: readonly number[], a: number): number => {
    const mean = new Mean();
    for (const t of thresholds) {
      for (let r = 0; r < COCO_RECALLS.length; r++) {
        for (const k of labels) mean.add(precision[(((t * COCO_RECALLS.length + r) * classes + k) * areas + a) * caps + caps - 1]);
      }
    }
    return mean.value;
  };
  const ar = (labels: readonly number[], a: number, m: number): number => {
    const mean = new Mean();
    for (const t of all) for (const k of labels) mean.add(recall[((t * classes + k) * areas + a) * caps + m]);
    return mean.value;
  };
  const stats: CocoStats = {
    AP: ap(all, every, 0),
    AP50: ap([0], every, 0),
    AP75: ap([5], every, 0),
    APsmall: ap(all, every, 1),
    APmedium: ap(all, every, 2),
    APlarge: ap(all, every, 3),
    AR1: ar(every, 0, 0),
    AR10: ar(every, 0, 1),
    AR100: ar(every, 0, 2),
    ARsmall: ar(every, 1, caps - 1),
    ARmedium: ar(every, 2, caps - 1),
    ARlarge: ar(every, 3, caps - 1),
  };
  const perClass = every.map((k) => ({ AP: ap(all, [k], 0), AP50: ap([0], [k], 0), AP75: ap([5], [k], 0), AR: ar([k], 0, caps - 1) }));
  return { stats, perClass, precision, recall };
}
