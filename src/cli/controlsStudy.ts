import { type ControlArm, type ControlsRecord, runControls } from "../experiments/index.ts";
import { loadModel, type Sample } from "../job/index.ts";
import { annotatedPictures, choosePictures, listPictures, readAnnotations, readModel, readPictures, UsageError } from "../node/index.ts";
import { damageText, parseScheme } from "../quant/index.ts";
import { controlVerdicts, makeControls } from "../report/index.ts";
import type { Values } from "./command.ts";
import type { Study } from "./study.ts";
import { columns, listsInLine, percent, points } from "./text.ts";
import { asUsage, readJson, textOf, wholeOf } from "./values.ts";

const SCHEME = "W4A4";
const SAMPLES = 16;

/** InlierQ against the controls that its paper leaves out, on a model of one's own. */
export const controlsStudy: Study = {
  name: "controls",
  out: "out/controls",
  writes: ["controls.json", "controls.md"],
  seeds: [0, 1, 2],
  flags: ["calibrate", "images", "annotations", "scheme", "samples", "card"],
  async run({ operands: [, path], values, threads }, seeds, out, options) {
    if (path === undefined) throw new UsageError("reproduce", "controls must have a model, got none (inlierq reproduce controls MODEL)");
    const folder = textOf(values, "calibrate");
    if (folder === undefined) throw new UsageError("reproduce", "controls must have pictures to calibrate on, got no --calibrate DIR");
    const scheme = textOf(values, "scheme") ?? SCHEME;
    asUsage(() => parseScheme(scheme));
    const sampleCount = wholeOf(values, "samples", 1) ?? SAMPLES;
    const cardFile = textOf(values, "card");
    const file = readModel(path);
    const { graph, card } = loadModel(file, file.name, cardFile === undefined ? undefined : readJson(cardFile));
    const files = listPictures(folder);
    const pictures = await measuredOn(values, card.classes, threads);
    const job = {
      ...{ graph, card, name: file.name, scheme, seeds, sampleCount },
      calibration: (seed: number) => listed(readPictures(choosePictures(files, sampleCount, seed), { threads })),
      ...(pictures && { pictures }),
    };
    const record = await runControls(job, options);
    const pages = new Map([["controls.json", listsInLine(record)], ...makeControls(record, damageText)]);
    return { record, files: pages, summary: `${summaryOf(record)}\nwrote ${out}/controls.json and controls.md\n` };
  },
};

/** The annotated pictures, where there are some. */
async function measuredOn(values: Values, classes: readonly string[], threads: number): Promise<Sample[] | undefined> {
  const [images, annotations] = [textOf(values, "images"), textOf(values, "annotations")];
  if (images === undefined && annotations === undefined) return undefined;
  if (images === undefined) throw new UsageError("--annotations", "must come with --images, got no folder");
  if (annotations === undefined) return listed(readPictures(listPictures(images), { threads }));
  return listed(annotatedPictures(images, readAnnotations(annotations), classes, { threads }));
}

async function listed(samples: AsyncIterable<Sample>): Promise<Sample[]> {
  const list: Sample[] = [];
  for await (const sample of samples) list.push(sample);
  return list;
}

/** Mean of a number over the seeds; "-" where a seed has none, or had nothing to find (-1). */
function meanOf({ runs }: ControlArm, of: (run: ControlArm["runs"][number]) => number | null, text: (value: number) => string): string {
  const values = runs.map(of).filter((v) => v !== null);
  const missing = values.length < runs.length || values.some((v) => v < 0);
  return missing ? "-" : text(values.reduce((a, v) => a + v, 0) / values.length);
}

const figure = (value: number): string => String(Number(value.toPrecision(3)));

function summaryOf(record: ControlsRecord): string {
  const { model, scheme, seeds, arms } = record;
  const rows = arms.map((arm) => [
    arm.name,
    meanOf(arm, (r) => r.scores, figure),
    meanOf(arm, (r) => r.boxes, figure),
    meanOf(arm, (r) => r.ap50, points),
    meanOf(arm, (r) => r.width, percent),
    meanOf(arm, (r) => r.inlierShare, percent),
  ]);
  const head = ["", "score error", "box error", "AP50", "range", "inliers"];
  return [
    `${model} at ${scheme}, mean of ${seeds.length} seed${seeds.length === 1 ? "" : "s"}\n`,
    `${columns([head, ...rows])}\n`,
    ...controlVerdicts(record),
    "",
  ].join("\n");
}
