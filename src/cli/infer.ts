import type { Card, Prediction } from "../detect/index.ts";
import { collect, detectInteger, loadInteger } from "../job/index.ts";
import { readModel, readPictures } from "../node/index.ts";
import { Steps } from "../quant/index.ts";
import { shownName } from "../shown.ts";
import { type Command, type Invocation, KERNELS, THREADS } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { columns, jsonText } from "./text.ts";
import { numberOf, readJson, textOf } from "./values.ts";

/** `inlierq infer`: a quantized model on pictures, run in integers. */
export const inferCommand: Command = {
  name: "infer",
  about: "detect objects with a quantized model, in integers: an .inlierq file, or an .onnx that quantize wrote",
  operands: ["FILE", "IMAGE..."],
  flags: {
    threshold: { type: "string", value: "SCORE", about: "least score shown", fallback: "the card's visible threshold" },
    card: { type: "string", value: "FILE", about: "detector card in place of the file's or the preset" },
    threads: THREADS,
    kernels: KERNELS,
    json: { type: "boolean", about: "print JSON; progress as JSON lines on stderr" },
  },
  examples: ["inlierq infer out/yolox-nano.w8a8.inlierq street.jpg", "inlierq infer out/yolox-nano.w8a8.onnx photos/*.jpg --json"],
  run: runInfer,
};

interface Found {
  readonly image: string;
  readonly detections: readonly { readonly label: string; readonly score: number; readonly box: readonly number[] }[];
}

async function runInfer({ operands: [file, ...images], values, threads, io, signal }: Invocation): Promise<number> {
  const json = values.json === true;
  const threshold = numberOf(values, "threshold", 0, 1);
  const cardFile = textOf(values, "card");
  const model = readModel(file);
  const detector = loadInteger(model, model.name, cardFile === undefined ? undefined : readJson(cardFile));
  const { card } = detector.model;
  const view = progressView(io, json);
  const steps = new Steps([{ name: "infer", steps: images.length, work: 1 }], { signal, onProgress: view.report });
  const found: Found[] = [];
  const pictures = readPictures(
    images.map((path) => ({ name: path, path })),
    { threads },
  );
  for await (const sample of pictures) {
    const samples = await collect([sample], 1, detector.model);
    found.push({ image: sample.name, detections: visible(detectInteger(detector, samples, 0), card, threshold ?? card.visibleThreshold) });
    await steps.after("infer", found.length).finally(view.end);
  }
  io.out(json ? jsonText(found) : `${found.map(textOfImage).join("\n")}\n`);
  return EXIT.done;
}

const visible = (predictions: readonly Prediction[], { classes }: Card, threshold: number): Found["detections"] =>
  predictions
    .filter((p) => p.score >= threshold)
    .map(({ label, score, box }) => ({ label: classes[label] ?? String(label), score, box: [...box] }));

function textOfImage({ image, detections }: Found): string {
  if (detections.length === 0) return `${shownName(image)}: nothing`;
  const rows = detections.map(({ label, score, box }) => [`  ${label}`, score.toFixed(3), ...box.map((v) => v.toFixed(1))]);
  return `${shownName(image)}:\n${columns(rows)}`;
}
