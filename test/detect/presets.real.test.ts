import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodePicture, parseVoc, preprocess } from "../../src/data/index.ts";
import { type Card, detectorFrom, iou, matchPreset } from "../../src/detect/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";

const root = process.env.INLIERQ_DATA ?? "";
const present = root !== "" && ["models", "voc100"].every((name) => existsSync(join(root, name)));

const MODELS = [
  ["yolox-nano-416.onnx", "yolox"],
  ["fastestdet-352.onnx", "fastestdet"],
] as const;

describe.skipIf(!present)("two pretrained detectors (needs INLIERQ_DATA/models and INLIERQ_DATA/voc100)", () => {
  test.each(MODELS)("%s: the preset fits and leaves most work to quantize", (file, format) => {
    const graph = importOnnx(readFileSync(join(root, "models", file)));
    const card = matchPreset(graph) as Card;
    expect(card.format).toBe(format);
    const macs = (names: readonly string[]): number => names.reduce((sum, name) => sum + graph.macs(name), 0);
    const total = macs(graph.layers.map((l) => l.name));
    expect(1 - macs(card.head) / total).toBeGreaterThanOrEqual(0.75);
    expect(1 - macs(card.predictions) / total).toBeGreaterThanOrEqual(0.95);
  });

  test.each(MODELS)("%s: finds what was annotated on the first photos", (file) => {
    const graph = importOnnx(readFileSync(join(root, "models", file)));
    const detector = detectorFrom(graph, matchPreset(graph) as Card);
    const annotations = readdirSync(join(root, "voc100/annotations")).sort().slice(0, 6);
    let found = 0;
    let all = 0;
    for (const name of annotations) {
      const { objects } = parseVoc(readFileSync(join(root, "voc100/annotations", name), "utf8"), name);
      const photo = decodePicture(readFileSync(join(root, "voc100/images", name.replace(".xml", ".jpg"))));
      const { x, toPicture } = preprocess(photo, detector.input);
      const boxes = detector.decode(detector.forward(x))[0].filter((p) => p.score >= 0.3);
      const wanted = objects.filter((o) => !o.difficult);
      all += wanted.length;
      found += wanted.filter((o) => boxes.some((p) => iou(toPicture(p.box), o.box) >= 0.5)).length;
    }
    expect(found / all).toBeGreaterThanOrEqual(0.5);
  });
});
