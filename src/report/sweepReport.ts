import type { Spread, SweepRecord, SweepRow } from "../quant/index.ts";
import { plain, table } from "./markdown.ts";

/** The columns of a sweep's table. */
export const SWEEP_HEAD: readonly string[] = ["", "bits", "AP50", "AP", "kept", "score error", "seconds", "steps", "bytes", "note"];

/** A row of a sweep as text, in the order of the columns. AP in points; means with their deviation where there are several runs. */
export const sweepCells = (row: SweepRow): string[] => [
  row.label,
  row.scheme || "-",
  spreadText(row.AP50, points),
  spreadText(row.AP, points),
  spreadText(row.kept, (share) => `${(100 * share).toFixed(1)} %`),
  row.scheme === "" ? "-" : spreadText(row.scoreError, (error) => String(Number(error.toPrecision(3)))),
  spreadText(row.seconds, (seconds) => seconds.toFixed(1)),
  row.steps === null ? "-" : String(row.steps),
  row.bytes === null ? "-" : String(row.bytes),
  row.failures.map(({ seed, message }) => `seed ${seed} failed: ${message}`).join("; "),
];

const points = (ap: number): string => (100 * ap).toFixed(1);

/** "31.2 ± 0.4", without the deviation for a single run; "-" for nothing, or where there was nothing to find (-1). */
function spreadText(spread: Spread | null, text: (value: number) => string): string {
  if (spread === null || spread.mean < 0) return "-";
  return spread.deviation === null ? text(spread.mean) : `${text(spread.mean)} ± ${text(spread.deviation)}`;
}

/** A sweep as Markdown: what was run, and its table. */
export function makeSweep(record: SweepRecord): string {
  const { model, detector, pictures, budget, rows, versions } = record;
  const learned = budget === null ? "" : `, ${plain(budget)} to learn each`;
  return [
    `# Methods on ${plain(model)}`,
    `Detector card ${plain(detector)}; calibrated on ${pictures.calibration} pictures${learned}, scored on ${pictures.evaluation} (inlierq ${versions.inlierq}).`,
    table(
      SWEEP_HEAD,
      rows.map((row) => sweepCells(row).map(plain)),
    ),
    `${EXPLANATION}\n`,
  ].join("\n\n");
}

const EXPLANATION =
  "AP50 and AP are COCO's, in points: means over the seeds ± their standard deviation; a method without a seeded part runs once. " +
  "Kept: share of the float detections that are found again. Score error: sum max(H, H') (ln H' - ln H)^2 / sum H (ln H)^2 of the score maps " +
  "H of the float network and H' of the quantized one, without labels. Steps: median over the units that learn. Bytes: of the exported file.";
