import { encodePng, type Picture, resize } from "../data/index.ts";
import { type Card, detectionsKept, type Prediction } from "../detect/index.ts";
import type { QuantizeResult, Sample } from "../job/index.ts";
import { type DetectionPicture, type DrawnBox, dataUri, makeReport } from "../report/index.ts";
import { shownJson } from "../shown.ts";

/** Pictures a report shows at most, and the width of their copies in it. */
const SHOWN = 6;
const COPY_WIDTH = 360;

/**
 * Everything a finished job leaves behind: the quantized model, record.json, timing.json, report.md and its pictures,
 * by path below the output folder.
 */
export function resultFiles(result: QuantizeResult, samples: readonly Sample[]): Map<string, Uint8Array | string> {
  const json = (value: unknown): string => `${shownJson(value, 2)}\n`;
  return new Map<string, Uint8Array | string>([
    [result.fileName, result.onnx],
    ["record.json", json(result.record)],
    ["timing.json", json({ unit: "ms", ...result.timing })],
    ...makeReport(result.record, changedPictures(result, samples)),
  ]);
}

/** Detections a person would look at: scores of at least the card's visible threshold, with the names of the classes. */
export function readableBoxes(predictions: readonly Prediction[], { classes, visibleThreshold }: Card): DrawnBox[] {
  return predictions
    .filter((p) => p.score >= visibleThreshold)
    .map(({ box, score, label }) => ({ box, score, label: classes[label] ?? String(label) }));
}

/** The pictures whose visible detections changed most, ties in order; none for a network without a card. */
function changedPictures({ before, after, model }: QuantizeResult, samples: readonly Sample[]): DetectionPicture[] {
  const { card } = model;
  if (!card) return [];
  const minScore = card.visibleThreshold;
  const rows = samples.flatMap((sample, i) => {
    if (!sample.picture) return [];
    const [was, is] = [before[i].predictions, after[i].predictions];
    const [there, back] = [detectionsKept([was], [is], { minScore }), detectionsKept([is], [was], { minScore })];
    return [{ sample, was, is, total: there.total, changed: there.total - there.kept + back.total - back.kept }];
  });
  rows.sort((a, b) => b.changed - a.changed || b.total - a.total);
  return rows.slice(0, SHOWN).map(({ sample: { name, picture }, was, is }) => ({
    name,
    width: picture.width,
    height: picture.height,
    href: encodedPicture(picture),
    before: readableBoxes(was, card),
    after: readableBoxes(is, card),
  }));
}

/** A picture as a PNG data URI, at most 360 pixels wide. */
export function encodedPicture(picture: Picture): string {
  const height = Math.max(1, Math.floor((picture.height * COPY_WIDTH) / picture.width));
  return dataUri(encodePng(picture.width <= COPY_WIDTH ? picture : resize(picture, COPY_WIDTH, height)), "image/png");
}
