import { encodePng, type Picture, resize } from "../data/index.ts";
import { detectionsKept, type Prediction } from "../detect/index.ts";
import type { QuantizeResult, Sample } from "../job/index.ts";
import { type DetectionPicture, dataUri, makeReport } from "../report/index.ts";

/** Pictures a report shows at most, and the width of their copies in it. */
const SHOWN = 6;
const COPY_WIDTH = 360;

/**
 * Everything a finished job leaves behind: the quantized model, record.json, timing.json, report.md and its pictures,
 * by path below the output folder.
 */
export function resultFiles(result: QuantizeResult, samples: readonly Sample[]): Map<string, Uint8Array | string> {
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  return new Map<string, Uint8Array | string>([
    [result.fileName, result.onnx],
    ["record.json", json(result.record)],
    ["timing.json", json({ unit: "ms", ...result.timing })],
    ...makeReport(result.record, changedPictures(result, samples)),
  ]);
}

/** The samples whose visible detections changed most, ties in order. */
function changedPictures({ before, after, model }: QuantizeResult, samples: readonly Sample[]): DetectionPicture[] {
  const minScore = model.card.visibleThreshold;
  const visible = (list: readonly Prediction[]): Prediction[] => list.filter((p) => p.score >= minScore);
  const rows = before.map((b, i) => {
    const [was, is] = [visible(b.predictions), visible(after[i].predictions)];
    const { kept } = detectionsKept([was], [is]);
    return { sample: samples[i], was, is, changed: was.length + is.length - 2 * kept };
  });
  rows.sort((a, b) => b.changed - a.changed || b.was.length - a.was.length);
  const { classes } = model.card;
  const drawn = (list: readonly Prediction[]) =>
    list.map(({ box, score, label }) => ({ box, score, label: classes[label] ?? String(label) }));
  return rows.slice(0, SHOWN).map(({ sample: { name, picture }, was, is }) => ({
    name,
    width: picture.width,
    height: picture.height,
    href: dataUri(encodePng(copyOf(picture)), "image/png"),
    before: drawn(was),
    after: drawn(is),
  }));
}

function copyOf(picture: Picture): Picture {
  if (picture.width <= COPY_WIDTH) return picture;
  return resize(picture, COPY_WIDTH, Math.max(1, Math.floor((picture.height * COPY_WIDTH) / picture.width)));
}
