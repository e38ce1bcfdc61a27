import { ArgumentError } from "../../errors.ts";
import { type Module, parameters, withParameters } from "../../nn/index.ts";
import { Rng, type Tensor } from "../../tensor/index.ts";
import type { Heads } from "../detector.ts";
import type { CenternetCard } from "../formats/centernet.ts";
import { CenterNet, type CenterNetConfig } from "./centernet.ts";

/** Sizes of the detector that ships; the classes are those of generated scenes. */
export const DEMO_CONFIG: Omit<CenterNetConfig, "norm"> = { classes: 4, widths: [16, 32, 64, 96] };

/** The card of the detector that ships. */
export const DEMO_CARD: CenternetCard = {
  version: 1,
  name: "demo",
  format: "centernet",
  input: {
    width: 128,
    height: 128,
    layout: "NCHW",
    color: "RGB",
    resize: "letterbox",
    anchor: "topLeft",
    fill: 114,
    mean: [127.5, 127.5, 127.5],
    std: [64, 64, 64],
  },
  classes: ["disc", "square", "triangle", "ring"],
  outputs: { heatmap: "heatmap", size: "size", offset: "offset" },
  outputLayout: "NCHW",
  heatmap: "probability",
  sizeUnit: "cell",
  scoreThreshold: 0.01,
  visibleThreshold: 0.3,
  nmsIou: 0.5,
  maxDetections: 50,
  head: ["heads.*"],
  predictions: ["heads.*.predict"],
};

/**
 * The small detector that ships with the library, from its weights (`models/demo.safetensors`), and its card.
 *
 * Errors: ArgumentError when a weight is missing, unknown or of another shape.
 */
export function demoDetector(weights: ReadonlyMap<string, Tensor>): { module: Module<Heads>; card: CenternetCard } {
  const blank = CenterNet.init({ ...DEMO_CONFIG, norm: false }, new Rng(0));
  for (const name of parameters(blank).keys()) {
    if (!weights.has(name)) throw new ArgumentError("demoDetector", `weights must hold every parameter, got none named "${name}"`);
  }
  return { module: withParameters(blank, weights), card: DEMO_CARD };
}
