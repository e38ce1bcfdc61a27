import { quantize, type Sample } from "inlierq";
import { preprocess, readSafetensors, scene, scenes } from "inlierq/data";
import { demoDetector } from "inlierq/detect";
import { traceGraph } from "inlierq/graph";
import { all } from "./browserSubpaths.js";
import { OPTIONS, outcomeOf, SCENES } from "./outcome.js";

/** The demo detector from its weights, as `demoModel` of `inlierq/node` makes it. */
async function quantizeDemo(): Promise<object> {
  const weights = new Uint8Array(await (await fetch("/demo.safetensors")).arrayBuffer());
  const { module, card } = demoDetector(readSafetensors(weights, "demo.safetensors").tensors);
  const { x } = preprocess(scene("example", 0).picture, card.input);
  const graph = traceGraph(module, x, { name: "demo" });
  const samples: Sample[] = Array.from(scenes("calibrate", SCENES), ({ picture, truth }, i) => ({
    name: `calibrate-${String(i).padStart(3, "0")}`,
    picture,
    truth,
  }));
  return outcomeOf(await quantize(graph, { ...OPTIONS, card, samples }));
}

const outcome = await quantizeDemo().catch((error: unknown) => ({ error: String(error) }));
const names = Object.fromEntries(Object.entries(all).map(([subpath, module]) => [subpath, Object.keys(module).length]));
await fetch("/result", { method: "POST", body: JSON.stringify({ ...outcome, names }) });
