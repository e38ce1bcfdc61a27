import { fileURLToPath } from "node:url";
import { preprocess, readSafetensors, scene, scenes } from "../data/index.ts";
import { type Card, demoDetector } from "../detect/index.ts";
import { type Graph, traceGraph } from "../graph/index.ts";
import type { PictureSample } from "../job/index.ts";
import { readBytes } from "./pictures.ts";

/** The weights that ship with the package, from src/node as from dist/node. */
const WEIGHTS = fileURLToPath(new URL("../../models/demo.safetensors", import.meta.url));

/** The detector that ships with the package as a graph, and its card. Errors: UsageError when its weights are missing. */
export function demoModel(): { graph: Graph; card: Card } {
  const { tensors } = readSafetensors(readBytes(WEIGHTS, "demoModel"), WEIGHTS);
  const { module, card } = demoDetector(tensors);
  const { x } = preprocess(scene("example", 0).picture, card.input);
  return { graph: traceGraph(module, x, { name: "demo" }), card };
}

/** Generated scenes as samples with their boxes; the same label and count give the same scenes. */
export function demoScenes(label: string, count: number): PictureSample[] {
  return Array.from(scenes(label, count), ({ picture, truth }, i) => ({ name: `${label}-${String(i).padStart(3, "0")}`, picture, truth }));
}
