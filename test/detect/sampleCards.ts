import { type Card, parseCard } from "../../src/detect/index.ts";

const common = {
  version: 1,
  name: "sample",
  input: {
    width: 64,
    height: 32,
    layout: "NCHW",
    color: "BGR",
    resize: "stretch",
    anchor: "topLeft",
    fill: 0,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  classes: ["cat", "dog"],
  scoreThreshold: 0.1,
  visibleThreshold: 0.3,
  nmsIou: 0.5,
  maxDetections: 10,
  head: ["head*"],
  predictions: ["head.out"],
};

/** Plain JSON of a small valid card of each format; input 64 x 32, two classes. */
export const CARD_JSON = {
  yolox: { ...common, format: "yolox", outputs: { predictions: "out" }, strides: [16, 32] },
  fastestdet: { ...common, format: "fastestdet", outputs: { predictions: "out" } },
  centernet: { ...common, format: "centernet", outputs: { heatmap: "heat", size: "wh", offset: "reg" } },
  yunet: {
    ...common,
    format: "yunet",
    outputs: Object.fromEntries(["cls", "obj", "box"].flatMap((role) => [8, 16, 32].map((s) => [`${role}${s}`, `${role}_${s}`]))),
  },
  ultraface: { ...common, format: "ultraface", outputs: { scores: "scores", boxes: "boxes" }, strides: [16, 32], sizes: [[10, 20], [40]] },
  dbnet: { ...common, classes: ["text"], format: "dbnet", outputs: { heatmap: "heat" } },
} as const;

export const cardOf = (format: Card["format"], changes: Record<string, unknown> = {}): Card =>
  parseCard({ ...CARD_JSON[format], ...changes });
