import type { ComparisonRecord } from "../../../src/quant/index.ts";

const difference = { sqnr: 20, cosine: 0.99, maxError: 0.1, nonFinite: 0 };
const found = { label: "cat", score: 0.5, box: [0, 0, 4, 4] as [number, number, number, number] };

/** A small record of a comparison with every key. */
export const comparison: ComparisonRecord = {
  version: 1,
  kind: "inlierq/comparison",
  model: "a",
  other: "b",
  detector: "tiny",
  seed: 0,
  samples: ["p"],
  versions: { inlierq: "0.1.0" },
  matchedBy: "name",
  layers: [{ name: "conv", kind: "conv2d", role: "layer", tensor: "y", otherTensor: "y", isolated: difference, accumulated: difference }],
  outputs: [],
  detections: {
    minScore: 0.3,
    model: 1,
    other: 1,
    kept: 1,
    lost: 0,
    new: 0,
    keptShare: 1,
    meanIou: 1,
    meanScoreChange: 0,
    largestScoreChange: 0,
    pictures: [{ name: "p", kept: [{ ...found, otherScore: 0.5, otherBox: found.box, iou: 1 }], lost: [], new: [found] }],
  },
  gate: { rule: "kept", value: 1, limit: 0.5, passed: true },
};
