import { type Card, iou, type Prediction, partners } from "../../detect/index.ts";
import type { ComparisonRecord, PictureDifference } from "../../quant/index.ts";
import type { Detections } from "../evaluate.ts";
import type { Samples } from "../samples.ts";

/**
 * Which detections of the first model the second one keeps, as the gate of `quantize` counts them: scores of at least the
 * card's visible threshold, same class, IoU at least 0.5, best score first, each partner once. Boxes are in pixels of
 * the picture.
 */
export function compareDetections(
  samples: Samples,
  { classes, visibleThreshold: minScore }: Card,
  before: Detections,
  after: Detections,
): ComparisonRecord["detections"] {
  const visible = (list: readonly Prediction[]): Prediction[] => list.filter((p) => p.score >= minScore);
  const pictures = samples.names.map((name, i) => pictureDifference(name, visible(before[i]), visible(after[i]), classes));
  const kept = pictures.flatMap((p) => p.kept);
  const lost = pictures.reduce((sum, p) => sum + p.lost.length, 0);
  const added = pictures.reduce((sum, p) => sum + p.new.length, 0);
  const changes = kept.map((k) => k.otherScore - k.score);
  const model = kept.length + lost;
  return {
    minScore,
    model,
    other: kept.length + added,
    kept: kept.length,
    lost,
    new: added,
    keptShare: model === 0 ? 1 : kept.length / model,
    meanIou: meanOf(kept.map((k) => k.iou)),
    meanScoreChange: meanOf(changes),
    largestScoreChange: changes.length === 0 ? null : changes.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)),
    pictures,
  };
}

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, v) => sum + v, 0) / values.length;

function pictureDifference(
  name: string,
  before: readonly Prediction[],
  after: readonly Prediction[],
  classes: readonly string[],
): PictureDifference {
  const pairs = partners(before, after);
  const [matched, used] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, j]) => j))];
  const found = ({ box, score, label }: Prediction): PictureDifference["lost"][number] => ({
    label: classes[label] ?? String(label),
    score,
    box: [...box],
  });
  return {
    name,
    kept: pairs.map(([i, j]) => ({
      ...found(before[i]),
      otherScore: after[j].score,
      otherBox: [...after[j].box],
      iou: Math.min(1, iou(before[i].box, after[j].box)),
    })),
    lost: before.filter((_, i) => !matched.has(i)).map(found),
    new: after.filter((_, j) => !used.has(j)).map(found),
  };
}
