import type { ComparisonRecord, LayerDifference, PictureDifference, TensorDifference } from "../quant/index.ts";
import { type ComparisonPicture, drawComparison } from "./comparisonPicture.ts";
import { decibelText, worstFirst } from "./decibels.ts";
import { picturePath } from "./fileName.ts";
import { number, percent, plain, table } from "./markdown.ts";
import { drawSqnr } from "./sqnrFigure.ts";

const FIGURE = "pictures/compare-sqnr.svg";

/**
 * The report of a comparison: compare.md, the figure of the layers, and a picture of the detections for each entry of
 * `pictures`. Files by path below the output folder; the same record and pictures give the same text.
 */
export function makeComparison(record: ComparisonRecord, pictures: readonly ComparisonPicture[]): Map<string, string> {
  const files = new Map<string, string>();
  const figure = drawSqnr(record.layers);
  if (figure !== undefined) files.set(FIGURE, figure);
  const shown = pictures.map((picture, i) => {
    const path = picturePath(i, picture.difference.name, "compare-");
    files.set(path, drawComparison(picture, [record.model, record.other]));
    return `![${plain(picture.difference.name)}](${encodeURI(path)})`;
  });
  return new Map([["compare.md", comparisonText(record, shown, figure !== undefined)], ...files]);
}

function comparisonText(record: ComparisonRecord, pictures: readonly string[], figure: boolean): string {
  const sections = [
    `# ${plain(record.other)} compared with ${plain(record.model)}`,
    summary(record),
    "## Detections",
    `Detections with a score of at least ${number(record.detections.minScore)}. Kept: one of the same class with an IoU of at least 0.5 is still there.`,
    table(PICTURE_HEAD, [...record.detections.pictures.map(pictureRow)]),
    ...(pictures.length > 0 ? ["The pictures that changed most:", ...pictures] : []),
    "## Layers",
    "One row a layer, the worst by itself first. Isolated: the second model's layer, quantizers of its input included, on the first " +
      "model's tensors, so only what this layer does. Accumulated: the second model run from the picture on. SQNR and cosine are " +
      "ratios of sums over all elements and pictures; inf: nothing differs. Other operations that read quantized tensors have rows too.",
    ...(figure ? [`![SQNR of every layer](${FIGURE})`] : []),
    table(LAYER_HEAD, worstFirst(record.layers).map(layerRow)),
  ];
  if (record.outputs.length > 0) {
    const text = "Isolated: everything behind the last layers, on the first model's tensors.";
    sections.push("## Outputs", text, table(LAYER_HEAD, record.outputs.map(layerRow)));
  }
  return `${sections.join("\n\n")}\n`;
}

function summary({ model, other, detector, matchedBy, layers, samples, seed, detections, gate }: ComparisonRecord): string {
  const { kept, lost, new: added, keptShare, meanIou, meanScoreChange, largestScoreChange } = detections;
  const rows: [string, string][] = [
    ["first model", plain(model)],
    ["second model", plain(other)],
    ["detector card", plain(detector)],
    ["matched", `${countText(layers)}, by ${matchedBy}`],
    ["pictures", `${samples.length}, seed ${seed}`],
    ["detections", `${kept} of ${detections.model} kept (${percent(keptShare)}), ${lost} lost, ${added} new`],
  ];
  if (meanIou !== null && meanScoreChange !== null && largestScoreChange !== null) {
    rows.push([
      "kept detections",
      `mean IoU ${meanIou.toFixed(3)}, score ${signed(meanScoreChange)} on average, largest change ${signed(largestScoreChange)}`,
    ]);
  }
  if (gate)
    rows.push(["gate", `${gate.rule} = ${number(gate.value)}, needed ${number(gate.limit)}: ${gate.passed ? "passed" : "not passed"}`]);
  return table(["", ""], rows);
}

/** "113 layers", or "113 layers and 20 other operations". */
export function countText(rows: readonly LayerDifference[]): string {
  const layers = rows.filter((l) => l.role === "layer").length;
  const rest = rows.length - layers;
  return `${layers} layer${layers === 1 ? "" : "s"}${rest === 0 ? "" : ` and ${rest} other operation${rest === 1 ? "" : "s"}`}`;
}

/** A change with its sign, "+0.012". */
export const signed = (change: number): string => `${change < 0 ? "-" : "+"}${Math.abs(change).toFixed(3)}`;

const PICTURE_HEAD = ["picture", "kept", "lost", "new", "mean IoU", "mean score change"];

function pictureRow({ name, kept, lost, new: added }: PictureDifference): string[] {
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const matched =
    kept.length > 0 ? [mean(kept.map((k) => k.iou)).toFixed(3), signed(mean(kept.map((k) => k.otherScore - k.score)))] : ["-", "-"];
  return [plain(name), String(kept.length), String(lost.length), String(added.length), ...matched];
}

const LAYER_HEAD = ["layer", "kind", "isolated dB", "cosine", "max error", "accumulated dB", "cosine", "max error"];

const layerRow = ({ name, kind, role, isolated, accumulated }: LayerDifference): string[] => [
  plain(name),
  role === "output" ? role : kind,
  ...differenceCells(isolated),
  ...differenceCells(accumulated),
];

/** SQNR, cosine and largest error as text. */
export const differenceCells = (difference: TensorDifference): string[] => [
  decibelText(difference),
  difference.cosine === null ? "-" : difference.cosine.toFixed(5),
  String(Number(difference.maxError.toPrecision(3))),
];
