import { type Box, type Heads, iou, type Prediction, partners } from "../../detect/index.ts";
import { exp } from "../../elementary.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { GraphModel } from "../evidence.ts";

/** What a network says about one sample; log scores [N,C,P] where it is a detector, boxes [N,4,P] where each position has one. */
export interface Answer {
  readonly heads: Heads;
  readonly scores?: Tensor;
  readonly boxes?: Tensor;
}

/** The answer in given outputs, in ops only. Shapes as the detector's heads have them. */
export function answerOf({ detector }: GraphModel, heads: Heads): Answer {
  if (!detector) return { heads };
  const boxes = detector.boxes?.(heads);
  return { heads, scores: detector.logScores(heads), ...(boxes && { boxes }) };
}

/** How far a changed network's answers are from the float network's, without labels. */
export interface Damage {
  /** That of the scores and a quarter of that of the boxes: relative, 0 where nothing changed. */
  readonly total: number;
  /** Of the log score map, or of the outputs of a network without a detector card. */
  readonly scores: number;
  /** Of the boxes, in [0, 1]; 0 without a card. */
  readonly boxes: number;
}

/** Scores below this are no detections of anybody: differences among them do not count. */
const LEAST_SCORE = 1e-4;
const LEAST_LOG = -9.210340371976182;

/** The float network's answer to one sample, kept to compare with. */
export class Reference {
  readonly #detections: readonly Prediction[];
  readonly #logs: Float32Array | undefined;
  readonly #scores: Float64Array | undefined;
  readonly #boxes: Float32Array | undefined;
  readonly #outputs: ReadonlyMap<string, Float32Array>;
  readonly #model: GraphModel;

  /** Copies what it needs. Detections of at least `minScore` are visible. */
  constructor(model: GraphModel, { heads, scores, boxes }: Answer, minScore: number) {
    this.#model = model;
    this.#boxes = boxes && Float32Array.from(boxes.data as Float32Array);
    this.#detections = model.detector && !boxes ? model.detector.decode(heads)[0].filter((p) => p.score >= minScore) : [];
    this.#logs = scores && Float32Array.from(scores.data as Float32Array);
    this.#scores = this.#logs && Float64Array.from(this.#logs, (l) => (l > LEAST_LOG ? exp(l) : LEAST_SCORE));
    const outputs = scores ? [] : Object.entries(heads).filter(([, y]) => y.data instanceof Float32Array);
    this.#outputs = new Map(outputs.map(([name, y]) => [name, Float32Array.from(y.data as Float32Array)]));
  }

  /** Adds how far another answer to the same sample is from this one. */
  addTo(sums: DamageSums, { heads, scores, boxes }: Answer): void {
    if (scores && this.#logs) this.#addScores(sums, scores.data as Float32Array, this.#logs);
    if (boxes && this.#boxes) this.#addBoxes(sums.boxes, boxes.data as Float32Array, this.#boxes);
    for (const [name, y] of this.#outputs) addOutput(sums.of(name), y, heads[name].data as Float32Array);
    if (this.#model.detector && this.#detections.length > 0) {
      const found = this.#model.detector.decode(heads)[0];
      let error = this.#detections.length;
      for (const [i, j] of partners(this.#detections, found)) error += Math.max(0, 1 - iou(this.#detections[i].box, found[j].box)) ** 2 - 1;
      sums.boxes.noise += error;
      sums.boxes.signal += this.#detections.length;
    }
  }

  /** Position by position, in proportion to the best score that the float network gives each. */
  #addBoxes(sum: Ratio, changed: Float32Array, boxes: Float32Array): void {
    const scores = this.#scores as Float64Array;
    const positions = boxes.length / 4;
    const boxAt = (data: Float32Array, i: number): Box => [data[i], data[positions + i], data[2 * positions + i], data[3 * positions + i]];
    for (let i = 0; i < positions; i++) {
      let best = 0;
      for (let at = i; at < scores.length; at += positions) best = Math.max(best, scores[at]);
      if (best <= LEAST_SCORE) continue;
      sum.noise += best * distance(boxAt(boxes, i), boxAt(changed, i)) ** 2;
      sum.signal += best;
    }
  }

  #addScores(sums: DamageSums, changed: Float32Array, logs: Float32Array): void {
    const scores = this.#scores as Float64Array;
    let [signal, noise] = [0, 0];
    for (let i = 0; i < logs.length; i++) {
      const before = logs[i] > LEAST_LOG ? logs[i] : LEAST_LOG;
      const after = changed[i] > LEAST_LOG ? changed[i] : LEAST_LOG;
      signal += scores[i] * before * before;
      if (after === before) continue;
      noise += (after > before ? exp(after) : scores[i]) * (after - before) * (after - before);
    }
    const sum = sums.of("scores");
    sum.signal += signal;
    sum.noise += noise;
  }
}

/** 1 - IoU; 1 also where that is no number, but for equal boxes. */
function distance(a: Box, b: Box): number {
  const shared = iou(a, b);
  if (shared >= 0) return Math.max(0, 1 - shared);
  return a.every((v, i) => v === b[i]) ? 0 : 1;
}

function addOutput(sum: Ratio, wanted: Float32Array, got: Float32Array): void {
  for (let i = 0; i < wanted.length; i++) {
    const [y, difference] = [wanted[i], got[i] - wanted[i]];
    if (!Number.isFinite(y + difference)) continue;
    sum.signal += y * y;
    sum.noise += difference * difference;
  }
}

/** What boxes count beside scores: choices of tensors leave the least damage on other samples at 0.1 to 0.3 (docs/decisions/009-promotion.md). */
const BOX_WEIGHT = 0.25;

/** What the numbers of a damage are, in words and formulas for pages. */
export interface DamageText {
  /** Of a network with a detector card. */
  readonly scores: string;
  /** Of such a network. */
  readonly boxes: string;
  /** How the two make one number. */
  readonly total: string;
  /** The scores of a network without a card. */
  readonly outputs: string;
}

/** The sums of `DamageSums` for pages. */
export const damageText: DamageText = {
  scores: `sum max(H, H') (ln H' - ln H)^2 / sum H (ln H)^2 of the score maps H of the float network and H' of the changed one, both cut at ${LEAST_SCORE} from below`,
  boxes:
    "mean of (1 - IoU)^2 over all positions, weighed by the best score that the float network gives each, 0 up to " +
    `${LEAST_SCORE}; where positions have no boxes of their own, over the float network's visible detections, 1 for a lost one`,
  total: `scores + ${BOX_WEIGHT} boxes`,
  outputs: "mean over the outputs of sum (y' - y)^2 / sum y^2 against the float network",
};

/** A ratio of sums. */
interface Ratio {
  signal: number;
  noise: number;
}

const ratio = ({ signal, noise }: Ratio): number => (noise === 0 ? 0 : noise / Math.max(signal, Number.MIN_VALUE));

/**
 * The damage over all samples added:
 *
 *     scores = sum max(H, H') (ln H' - ln H)^2 / sum H (ln H)^2      over classes, positions and samples
 *     boxes  = sum h (1 - IoU(box, box'))^2 / sum h                  over positions and samples
 *
 * H is the float network's score map, H' the changed one's, both cut at 1e-4 from below: the weight leaves only places
 * where one of the two sees something. h is the best score of the float network at the position, 0 below 1e-4; where positions have no boxes
 * of their own, boxes is the mean over its visible detections, box' the partner of the same class with an IoU of at least
 * 0.5, and a lost detection counts 1. Both are squared errors, so that what several tensors do by themselves nearly adds up
 * to what they do together. Without a detector card: scores = mean over outputs of sum (y' - y)^2 / sum y^2, boxes = 0.
 */
export class DamageSums {
  readonly boxes: Ratio = { signal: 0, noise: 0 };
  readonly #parts = new Map<string, Ratio>();

  /** The sums of one output, or of the score map. */
  of(name: string): Ratio {
    const found = this.#parts.get(name) ?? { signal: 0, noise: 0 };
    this.#parts.set(name, found);
    return found;
  }

  /** The damage so far. */
  result(): Damage {
    const parts = [...this.#parts.values()].map(ratio);
    const scores = parts.reduce((sum, part) => sum + part, 0) / Math.max(1, parts.length);
    const boxes = ratio(this.boxes);
    return { total: scores + BOX_WEIGHT * boxes, scores, boxes };
  }
}
