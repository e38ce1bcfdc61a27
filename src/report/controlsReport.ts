import type { ControlArm, ControlComparison, ControlRun, ControlsRecord } from "../experiments/index.ts";
import type { DamageText } from "../quant/index.ts";
import { number, percent, plain, table } from "./markdown.ts";

/**
 * A study of controls as a page: controls.md by its path below the output folder. `about` says what the errors are. The same
 * record gives the same text.
 */
export const makeControls = (record: ControlsRecord, about: DamageText): Map<string, string> =>
  new Map([["controls.md", controlsText(record, about)]]);

function controlsText(record: ControlsRecord, about: DamageText): string {
  const { model, scheme, seeds, samples, measuredOn, policy, floatAp50 } = record;
  const measured = measuredOn === "pictures" ? `${samples.measured} pictures of their own` : "the calibration samples themselves";
  const float = floatAp50 === null ? "" : ` AP50 of the float network: ${floatAp50 < 0 ? "-" : points(floatAp50)}.`;
  const parts = [
    `# What selecting inliers does to ${plain(model)} at ${scheme}`,
    "Written by `inlierq reproduce controls`; the same pictures and seeds give the same bytes.",
    ...controlVerdicts(record).map((line) => `**${line}**`),
    `Policy ${policy}, ${samples.calibration} calibration samples a seed, seeds ${seeds.join(", ")}; numbers were measured on ${measured}. All ` +
      `rows but the last are the same method with one thing changed. Mean ± deviation over the seeds.${float}`,
    controlsTable(record),
    `Score error: ${about.scores}. Box error: ${about.boxes}. Both 0 where nothing changed. ` +
      "Range: width before refinement over the width of min-max, mean over the " +
      "activation tensors; every subset is narrower than the whole, which is why the selection is held against masks of equal share drawn by " +
      "chance. Inliers: mean share of volumes that the split calls inliers, whatever was made of it.",
    `## Seed by seed\n\n${seedTable(record)}`,
  ];
  return `${parts.join("\n\n")}\n`;
}

/**
 * One line a number: whether the selection beat the random mask of equal share. None for an AP50 where there was nothing to
 * find (-1).
 */
export function controlVerdicts({ arms, comparisons, seeds }: ControlsRecord): string[] {
  const nothing = arms.some(({ runs }) => runs.some(({ ap50 }) => ap50 !== null && ap50 < 0));
  return comparisons
    .filter(({ measure }) => measure !== "ap50" || !nothing)
    .map((c) => `${NAMES[c.measure]}: ${WORDS[c.verdict]} (${gainText(c)}, ${seeds.length} seed${seeds.length === 1 ? "" : "s"}).`);
}

const NAMES: Readonly<Record<ControlComparison["measure"], string>> = { scores: "Score error", ap50: "AP50" };

const WORDS: Readonly<Record<ControlComparison["verdict"], string>> = {
  better: "selecting inliers beat the random mask of equal share by more than two deviations",
  worse: "selecting inliers did worse than the random mask of equal share by more than two deviations",
  "not told apart": "selecting inliers and the random mask of equal share cannot be told apart: the difference is within two deviations",
  "one seed": "a single seed cannot tell selecting inliers from the random mask of equal share",
};

const gainText = ({ measure, mean, deviation }: ControlComparison): string =>
  measure === "ap50" ? `gain ${points(mean)} ± ${points(deviation)} points` : `gain ${number(mean)} ± ${number(deviation)}`;

const points = (value: number): string => (100 * value).toFixed(2);

/** The table of the page: one row an arm. */
const controlsTable = ({ arms }: ControlsRecord): string =>
  table(
    ["", "what differs", "score error", "box error", "AP50", "range", "inliers"],
    arms.map((arm) => [
      arm.name,
      arm.about,
      over(arm, (r) => r.scores, number),
      over(arm, (r) => r.boxes, number),
      over(arm, (r) => r.ap50, points),
      over(arm, (r) => r.width, percent),
      over(arm, (r) => r.inlierShare, percent),
    ]),
  );

/** Mean ± deviation of a number over the seeds; "-" where a seed has none, or had nothing to find (-1). */
function over({ runs }: ControlArm, of: (run: ControlRun) => number | null, text: (value: number) => string): string {
  const values = runs.map(of).filter((v) => v !== null);
  if (values.length < runs.length || values.some((v) => v < 0)) return "-";
  const mean = values.reduce((a, v) => a + v, 0) / values.length;
  const spread = values.reduce((a, v) => a + (v - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return values.length > 1 ? `${text(mean)} ± ${text(Math.sqrt(spread))}` : text(mean);
}

const seedTable = ({ arms, seeds }: ControlsRecord): string =>
  table(
    ["score error", ...seeds.map((seed) => `seed ${seed}`)],
    arms.map(({ name, runs }) => [name, ...runs.map((r) => `${number(r.scores)}${r.tau === null ? "" : ` (tau ${r.tau})`}`)]),
  );
