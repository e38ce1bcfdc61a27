import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodePicture, preprocess } from "../../src/data/index.ts";
import { matchPreset } from "../../src/detect/index.ts";
import { describeGraph } from "../../src/graph/index.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { tapOf } from "../../src/quant/index.ts";
import { minmaxPlan } from "./network.ts";
import { gap, runInRuntime } from "./runtime.ts";

const root = process.env.INLIERQ_DATA ?? "";
const present = root !== "" && ["models", "coco-calib64"].every((name) => existsSync(join(root, name)));
const load = (...path: string[]): Uint8Array => Uint8Array.from(readFileSync(join(root, ...path)));
const pictures = (): string[] =>
  readdirSync(join(root, "coco-calib64"))
    .filter((name) => name.endsWith(".jpg"))
    .sort()
    .slice(0, 8);

/** The two runtimes sum in different orders: 7.1e-6 was measured for YOLOX-nano, 7.6e-7 for FastestDet. */
const RUNTIME_GAP = 5e-5;

describe.skipIf(!present)("real detectors (needs INLIERQ_DATA/models and INLIERQ_DATA/coco-calib64)", () => {
  test.each([
    { file: "yolox-nano-416.onnx", layers: 113, macs: 522_553_408, parameters: 904_463 },
    { file: "fastestdet-352.onnx", layers: 70, macs: 121_491_744, parameters: 240_301 },
  ])("$file gives the runtime's outputs on 8 photos", async ({ file, layers, macs, parameters }) => {
    const bytes = load("models", file);
    const graph = importOnnx(bytes, { name: file });
    const { layers: found, ...counted } = describeGraph(graph);
    expect({ layers: found.length, macs: counted.macs, parameters: counted.parameters }).toEqual({ layers, macs, parameters });
    const card = matchPreset(graph);
    if (!card) throw new Error(`${file} must match a preset`);
    const again = importOnnx(exportOnnx(graph), { name: file });
    const photos = pictures();
    expect(photos).toHaveLength(8);
    for (const [i, picture] of photos.entries()) {
      const { x } = preprocess(decodePicture(load("coco-calib64", picture)), card.input);
      const ours = graph.forward(x);
      const theirs = await runInRuntime(bytes, { [graph.inputs[0].name]: x });
      for (const { name } of graph.outputs) {
        expect(gap(ours[name], theirs[name])).toBeLessThan(RUNTIME_GAP);
        if (i === 0) expect(again.forward(x)[name].data).toEqual(ours[name].data);
      }
    }
  });

  test.each([
    [8, 8],
    [6, 6],
    [4, 8],
  ])("a W%dA%d export of fastestdet runs as simulated at every optimization level", async (weightBits, activationBits) => {
    const graph = importOnnx(load("models", "fastestdet-352.onnx"));
    const card = matchPreset(graph);
    if (!card) throw new Error("fastestdet must match a preset");
    const [first, second] = pictures().map((name) => preprocess(decodePicture(load("coco-calib64", name)), card.input).x);
    const plan = minmaxPlan(graph, first, weightBits, activationBits);
    const bytes = exportOnnx(graph, plan);
    const [{ name: input }] = graph.inputs;
    const [{ name: output }] = graph.outputs;
    for (const x of [first, second]) {
      const ours = graph.forward(x, tapOf(graph, plan))[output];
      expect(importOnnx(bytes).forward(x)[output].data).toEqual(ours.data);
      for (const level of ["disabled", "all"] as const)
        expect(gap((await runInRuntime(bytes, { [input]: x }, level))[output], ours)).toBeLessThan(1e-5);
    }
  });
});
