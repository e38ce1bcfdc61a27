/** Which positions of a feature map matter to a detector: InlierQ eq. 7, 9, 10 and 11 on one generated scene. */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { record } from "../src/autograd/index.ts";
import { preprocess, readSafetensors, scene } from "../src/data/index.ts";
import { demoDetector, detectorFrom } from "../src/detect/index.ts";
import { fitGmm } from "../src/em/index.ts";
import { tapFrom, topKNll } from "../src/nn/index.ts";
import { inlierMask, saliency } from "../src/quant/index.ts";
import type { Tensor } from "../src/tensor/index.ts";

const SITE = "neck.1.act";

export function run() {
  const weights = readSafetensors(readFileSync(new URL("../models/demo.safetensors", import.meta.url))).tensors;
  const { module, card } = demoDetector(weights);
  const detector = detectorFrom(module, card);
  const { picture, truth } = scene("example", 4);
  const { x } = preprocess(picture, card.input);

  // A tap sees every named tensor on its way.
  const seen = new Map<string, Tensor>();
  const watch = tapFrom((path, slot, tensor) => {
    if (slot === "output") seen.set(path, tensor);
    return tensor;
  });
  const { value: loss, tape } = record(() => topKNll(detector.logScores(detector.forward(x, watch)), { topK: card.maxDetections }));
  const features = seen.get(SITE) as Tensor;
  const [gradient] = tape.vjp(loss, [features]);

  const scores = saliency(gradient as Tensor);
  const separation = fitGmm(Float64Array.from(scores.data));
  const mask = inlierMask(scores, separation);

  const [, rows, columns] = mask.shape;
  for (let y = 0; y < rows; y += 2) {
    console.log(Array.from({ length: columns }, (_, i) => (mask.data[y * columns + i] ? "##" : "··")).join(""));
  }
  const inlierShare = mask.data.filter((v) => v === 1).length / mask.size;
  console.log(`${truth.length} objects, ${(100 * inlierShare).toFixed(1)} % of the positions are inliers`);
  return { site: SITE, shape: mask.shape, objects: truth.length, rare: inlierShare > 0 && inlierShare < 0.5 };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) run();
