import { type EvaluateResult, evaluate, type PictureSample, quantize } from "../job/index.ts";
import { demoModel, demoScenes, encodedPicture, readableBoxes, resultFiles, writeOutput } from "../node/index.ts";
import { exportOnnx } from "../onnx/index.ts";
import { drawDetections } from "../report/index.ts";
import { type Command, type Invocation, THREADS } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { columns, percent, points, short } from "./text.ts";
import { textOf } from "./values.ts";

const CALIBRATION = 64;
const HELD_OUT = 100;
const DRAWN = 6;

/** `inlierq demo`: the main job on the detector and the scenes that ship with the package. */
export const demoCommand: Command = {
  name: "demo",
  about: "quantize the small detector that ships with the package and compare its AP on held-out scenes",
  operands: [],
  flags: {
    out: { type: "string", value: "DIR", about: "where the results go; earlier ones are replaced", fallback: "out/demo" },
    scheme: { type: "string", value: "WnAm", about: "bits of weights and activations", fallback: "W8A8" },
    threads: THREADS,
  },
  examples: ["inlierq demo", "inlierq demo --scheme W4A8 --out out/w4a8"],
  run: runDemo,
};

async function runDemo({ values, io, signal }: Invocation): Promise<number> {
  const out = textOf(values, "out") ?? "out/demo";
  const { graph, card } = demoModel();
  const samples = demoScenes("calibrate", CALIBRATION);
  const heldOut = demoScenes("held-out", HELD_OUT);
  const view = progressView(io, false);
  const options = { card, signal, onProgress: view.report };
  const result = await quantize(graph, {
    ...options,
    samples,
    name: "demo",
    scheme: textOf(values, "scheme") ?? "W8A8",
    method: "inlierq",
  }).finally(view.end);
  const before = await evaluate(graph, { ...options, samples: heldOut }).finally(view.end);
  const after = await evaluate(result.onnx, { ...options, samples: heldOut, name: result.fileName }).finally(view.end);
  const files = new Map([
    ...resultFiles(result, samples),
    ["demo.onnx", exportOnnx(graph)],
    ...pictures(heldOut, before, after, card, result.record.scheme),
  ]);
  writeOutput(out, files, true);
  const { macs, bytes } = result.record;
  const scheme = result.record.scheme;
  io.out(
    `${[
      `${card.name}: ${HELD_OUT} generated scenes, calibrated on ${CALIBRATION} others, method inlierq`,
      columns([
        ["", "float", scheme],
        ["AP", points(before.coco.AP), points(after.coco.AP)],
        ["AP50", points(before.coco.AP50), points(after.coco.AP50)],
        ["weights", `${short(bytes.before)}B`, `${short(bytes.after)}B`],
      ]),
      `${percent(macs.fraction)} of MACs quantized`,
      `wrote ${out}/${result.fileName}, report.md, record.json and pictures of the detections (${out}/held-out-01.svg ...)`,
    ].join("\n")}\n`,
  );
  if (!result.gate.passed) io.err(`${result.gate.message}\n`);
  return result.gate.passed ? EXIT.done : EXIT.belowGate;
}

/** The first held-out scenes that hold an object, with the detections of the float model and of the exported file. */
function pictures(
  samples: readonly PictureSample[],
  before: EvaluateResult,
  after: EvaluateResult,
  card: Parameters<typeof readableBoxes>[1],
  scheme: string,
): [string, string][] {
  const shown = samples.flatMap((sample, at) => ((sample.truth ?? []).length > 0 ? [{ sample, at }] : [])).slice(0, DRAWN);
  return shown.map(({ sample, at }, i) => {
    const { width, height } = sample.picture;
    const found = { before: readableBoxes(before.detections[at], card), after: readableBoxes(after.detections[at], card) };
    const svg = drawDetections({ name: sample.name, width, height, href: encodedPicture(sample.picture), ...found }, ["float", scheme]);
    return [`held-out-${String(i + 1).padStart(2, "0")}.svg`, svg];
  });
}
