import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadTfjs, startTfjs } from "../../scripts/tfjs.ts";
import { decodePicture, preprocess } from "../../src/data/index.ts";
import { matchPreset } from "../../src/detect/index.ts";
import { describeGraph, type Graph } from "../../src/graph/index.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { tapOf } from "../../src/quant/index.ts";
import { Rng, Tensor, tensor, uniform } from "../../src/tensor/index.ts";
import { importTfjs, tfjsWeightPaths } from "../../src/tfjs/index.ts";
import { minmaxPlan } from "../onnx/network.ts";
import { runInRuntime, gap as tensorGap } from "../onnx/runtime.ts";

const folder = join(import.meta.dirname, "../../node_modules/@vladmandic/human/models");
const photoFolder = join(process.env.INLIERQ_DATA ?? "", "coco-calib64");
const withPhotos = Boolean(process.env.INLIERQ_DATA) && existsSync(photoFolder);
const photos = (): string[] =>
  readdirSync(photoFolder)
    .filter((name) => name.endsWith(".jpg"))
    .sort()
    .slice(0, 8);

const bytesOf = (path: string): Uint8Array => Uint8Array.from(readFileSync(path));

/** A model of the package: its `model.json` and the shards by their paths. */
function load(name: string): { json: Uint8Array; files: Map<string, Uint8Array> } {
  const json = bytesOf(join(folder, `${name}.json`));
  return { json, files: new Map(tfjsWeightPaths(json).map((path) => [path, bytesOf(join(folder, path))])) };
}

function importModel(name: string, endAt?: readonly string[]): Graph {
  const { json, files } = load(name);
  return importTfjs(json, files, { name: `${name}.json`, endAt });
}

/** The two runtimes sum in different orders. */
const RUNTIME_GAP = 5e-5;

/** max |a - b| / max |b|. */
function gap(ours: Tensor, theirs: Float32Array): number {
  expect(ours.size).toBe(theirs.length);
  let [most, largest] = [0, 0];
  theirs.forEach((v, i) => {
    most = Math.max(most, Math.abs(ours.data[i] - v));
    largest = Math.max(largest, Math.abs(v));
  });
  return most / largest;
}

/** Gaps of the graph's outputs on one input; `named` gives the names tfjs has for tensors under other ones. */
async function gapsToTfjs(name: string, graph: Graph, x: Tensor, named: Readonly<Record<string, string>> = {}): Promise<number[]> {
  const { json, files } = load(name);
  const theirs = await loadTfjs(json, [...files.values()]);
  const outputs = graph.outputs.map((o) => o.name);
  const wanted = theirs.run(
    graph.inputs[0].name,
    x,
    outputs.map((output) => named[output] ?? output),
  );
  const ours = graph.forward(x);
  return outputs.map((output, i) => gap(ours[output], wanted[i]));
}

const CENTERNET = "centernet";
const [SIZES, HEAT] = ["tower_0/wh", "tower_0/keypoints"];
/** Measured at most 4.2e-6 for the heat and 5.8e-5 for the sizes, of which onnxruntime-web is 6.2e-5 from tfjs on the same photo. */
const CENTERNET_GAPS = { [HEAT]: 2e-5, [SIZES]: 1e-4 };

describe.skipIf(!existsSync(folder))("graph models of @vladmandic/human (skipped where the package is not installed)", () => {
  beforeAll(startTfjs);

  test("CenterNet keeps its maps in the file's order, and the decoding behind them is cut off", () => {
    const graph = importModel(CENTERNET);
    expect(graph.inputs).toEqual([{ name: "tower_0/images", shape: [1, 512, 512, 3], dtype: "f32" }]);
    expect(graph.outputs).toEqual([
      { name: SIZES, shape: [1, 128, 128, 4], dtype: "f32" },
      { name: HEAT, shape: [1, 128, 128, 80], dtype: "f32" },
    ]);
    const { layers, macs } = describeGraph(graph);
    expect(layers).toHaveLength(89);
    expect(layers.filter((layer) => layer.depthwise)).toHaveLength(26);
    expect(macs).toBe(1_295_249_792);
    const card = matchPreset(graph);
    expect(card?.format).toBe("centernet");
    expect(card?.outputs).toEqual({ heatmap: HEAT, distances: SIZES });
  });

  test.skipIf(!withPhotos)("CenterNet gives what tfjs gives on 8 photos (needs INLIERQ_DATA/coco-calib64)", async () => {
    const graph = importModel(CENTERNET);
    const card = matchPreset(graph);
    if (!card) throw new Error("CenterNet must match a preset");
    const { json, files } = load(CENTERNET);
    const theirs = await loadTfjs(json, [...files.values()]);
    const names = photos();
    expect(names).toHaveLength(8);
    for (const name of names) {
      const { x } = preprocess(decodePicture(bytesOf(join(photoFolder, name))), card.input);
      expect(x.shape).toEqual([1, 512, 512, 3]);
      const ours = graph.forward(x);
      const wanted = theirs.run("tower_0/images", x, [SIZES, HEAT]);
      for (const [i, output] of [SIZES, HEAT].entries())
        expect(gap(ours[output], wanted[i]), `${name}: ${output}`).toBeLessThan(CENTERNET_GAPS[output]);
    }
  });

  test.skipIf(!withPhotos)("a W8A8 export of CenterNet keeps the input's order and runs as simulated (needs photos)", async () => {
    const graph = importModel(CENTERNET);
    const card = matchPreset(graph);
    if (!card) throw new Error("CenterNet must match a preset");
    const [first, second] = photos().map((name) => preprocess(decodePicture(bytesOf(join(photoFolder, name))), card.input).x);
    const plan = minmaxPlan(graph, first, 8, 8);
    const bytes = exportOnnx(graph, plan);
    const again = importOnnx(bytes);
    expect([again.inputs, again.outputs]).toEqual([graph.inputs, graph.outputs]);
    for (const x of [first, second]) {
      const ours = graph.forward(x, tapOf(graph, plan));
      for (const level of ["disabled", "all"] as const) {
        const theirs = await runInRuntime(bytes, { "tower_0/images": x }, level);
        for (const output of [SIZES, HEAT]) expect(tensorGap(theirs[output], ours[output]), `${output}, ${level}`).toBeLessThan(1e-5);
      }
    }
  });

  test("HandTrack starts behind the loop that prepares pictures and ends before the suppression", async () => {
    const graph = importModel("handtrack");
    const input = "StatefulPartitionedCall/map/TensorArrayV2Stack/TensorListStack";
    expect(graph.inputs).toEqual([{ name: input, shape: [1, 320, 320, 3], dtype: "f32" }]);
    expect(graph.outputs).toEqual([
      { name: "Identity_6", shape: [1, 12804, 4], dtype: "f32" },
      { name: "Identity_7", shape: [1, 12804, 8], dtype: "f32" },
    ]);
    // In tfjs the identities wait, by control edges, for the suppression, which needs the picture itself.
    const gaps = await gapsToTfjs("handtrack", graph, uniform([1, 320, 320, 3], new Rng("handtrack"), -1, 1), {
      Identity_6: "StatefulPartitionedCall/Postprocessor/Squeeze",
      Identity_7: "StatefulPartitionedCall/Postprocessor/convert_scores",
    });
    for (const found of gaps) expect(found).toBeLessThan(RUNTIME_GAP);
  });

  test("BlazeFace, which has no signature, gives what tfjs gives for every tensor that nothing reads", async () => {
    const graph = importModel("blazeface");
    expect(graph.inputs).toEqual([{ name: "input", shape: [1, 256, 256, 3], dtype: "f32" }]);
    expect(graph.outputs.map((o) => o.name).sort()).toEqual(["Identity", "Identity_1", "Identity_2", "Identity_3"]);
    const gaps = await gapsToTfjs("blazeface", graph, uniform([1, 256, 256, 3], new Rng("blazeface"), -1, 1));
    expect(gaps).toHaveLength(4);
    for (const found of gaps) expect(found).toBeLessThan(RUNTIME_GAP);
  });

  test("MoveNet is refused in one line that names both unknown operators", () => {
    expect(() => importModel("movenet-lightning")).toThrow(
      /^movenet-lightning\.json: an output must need supported operators only, got (?=.*GatherNd)(?=.*ArgMax)[^\n]*$/,
    );
  });

  test("MoveNet loads as far as its heat maps", async () => {
    const heat = "StatefulPartitionedCall/Sigmoid";
    const graph = importModel("movenet-lightning", [heat]);
    expect(graph.outputs).toEqual([{ name: heat, shape: [1, 48, 48, 17], dtype: "f32" }]);
    // tfjs takes the picture as whole numbers, and casts it first.
    const { json, files } = load("movenet-lightning");
    const bytes = Uint8Array.from({ length: 192 * 192 * 3 }, (_, i) => (i * 7919) % 256);
    const x = tensor(Float32Array.from(bytes), [1, 192, 192, 3]);
    const whole = new Tensor(x.shape, "i32", Int32Array.from(bytes));
    const [wanted] = (await loadTfjs(json, [...files.values()])).run("input", whole, [heat]);
    expect(gap(graph.forward(x)[heat], wanted)).toBeLessThan(RUNTIME_GAP);
  });
});
