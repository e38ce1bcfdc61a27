import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { tinyDetector } from "../quant/tiny.ts";
import { cli, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const { model, card, photos, out } = place;
const job = (...more: string[]): string[] => [
  "quantize",
  model,
  "--card",
  card,
  "--calibrate",
  photos,
  "--out",
  out,
  "--no-check",
  ...more,
];

/** The same job with one flag's value replaced. */
const jobWith = (flag: string, value: string): string[] => job().map((word, i, all) => (all[i - 1] === flag ? value : word));

/** A comparison of the model with itself, with the card. */
const comparison = (other: string, ...more: string[]): string[] => ["compare", model, other, "--card", card, "--images", photos, ...more];

/** Refused with one line on stderr, nothing on stdout, nothing written. */
async function refused(argv: readonly string[], code: number, pattern: RegExp): Promise<void> {
  const before = readdirSync(place.root).sort();
  const outcome = await cli(...argv);
  expect(outcome.err).toMatch(pattern);
  expect(outcome.err.trimEnd().split("\n")).toHaveLength(1);
  expect(outcome.err).not.toMatch(/ENOENT|\bat .*\.ts:|unexpected/);
  expect(outcome.code).toBe(code);
  expect(outcome.out).toBe("");
  expect(readdirSync(place.root).sort()).toEqual(before);
}

describe("wrong use ends with 2", () => {
  const empty = place.path("empty");
  mkdirSync(empty);
  place.write("empty/notes.txt", "no picture");
  mkdirSync(place.path("bare"));
  const unknownKey = place.write("key.json", JSON.stringify({ inlierq: { topk: 5 } }));
  const notJson = place.write("not.json", "{ scheme: 8");
  const rows: [string, string[], RegExp][] = [
    ["an unknown command", ["quantise"], /got "quantise"; did you mean quantize\?/],
    ["an unknown flag", job("--shceme", "W4A4"), /got --shceme; did you mean --scheme\?/],
    ["a flag without its value", job("--seed"), /--seed must have a value N, got none/],
    ["a missing flag", ["quantize", model], /--calibrate DIR must be given/],
    ["a missing operand", ["inspect"], /MODEL must be given, got nothing/],
    ["a surplus operand", ["inspect", model, model], /takes 1 operand/],
    ["a value for a switch", job("--force=yes"), /--force must stand alone/],
    ["a missing model", ["inspect", place.path("none.onnx")], /none\.onnx must be a readable file, got no such file/],
    ["a missing folder", jobWith("--calibrate", place.path("nowhere")), /nowhere must be a folder of pictures, got no such file or folder/],
    ["an empty folder", jobWith("--calibrate", place.path("bare")), /bare must hold at least one .* got an empty folder/],
    ["a folder without pictures", jobWith("--calibrate", empty), /empty must hold at least one .* got 1 other file/],
    ["no threads", job("--threads", "0"), /--threads: must be a whole number of at least 1, got "0"/],
    ["a thousand threads", job("--threads", "1000"), /--threads: must be a whole number of at most 256, got "1000"/],
    [
      "kernels nobody knows",
      ["bench", model, "--kernels", "relax"],
      /--kernels: must be auto, relaxed, reference, got "relax"; did you mean relaxed\?/,
    ],
    ["bits out of range", job("--scheme", "W9A8"), /W9A8/],
    ["no scheme", job("--scheme", "int8"), /got "int8"/],
    ["an unknown method", job("--method", "inlier"), /got "inlier"; did you mean inlierq\?/],
    ["an unknown policy", job("--policy", "reg"), /--policy: must be one of inlierq, regptq, got "reg"/],
    ["no sample", job("--samples", "0"), /--samples: must be a whole number of at least 1, got "0"/],
    ["a seed that is no number", job("--seed", "one"), /--seed: .*got "one"/],
    ["an impossible gate", job("--gate", "kept=2"), /kept must be in \[0, 1\], got 2/],
    ["an unknown config key", job("--config", unknownKey), /key\.json: .*topk.*did you mean "topK"/],
    ["a config that is no JSON", job("--config", notJson), /not\.json: must be JSON/],
    ["a comparison without a second model", ["compare", model, "--images", photos], /MODEL OTHER must be given/],
    ["a comparison without pictures", ["compare", model, model], /--images DIR must be given/],
    ["a comparison of no sample", comparison(model, "--samples", "0"), /--samples: must be a whole number of at least 1, got "0"/],
    ["a table of no row", comparison(model, "--top", "0"), /--top: must be a whole number of at least 1, got "0"/],
    ["a comparison judged by AP", comparison(model, "--gate", "ap50=-1"), /must be judged by "kept=<share>", got "ap50=-1"/],
    ["a comparison judged by more than all", comparison(model, "--gate", "kept=2"), /kept must be in \[0, 1\], got 2/],
    ["a comparison with a missing model", comparison(place.path("none.onnx")), /none\.onnx must be a readable file/],
    [
      "a comparison on an empty folder",
      comparison(model).map((w) => (w === photos ? place.path("bare") : w)),
      /bare must hold at least one .* got an empty folder/,
    ],
    ["a missing config", job("--config", place.path("none.json")), /none\.json must be a readable file/],
  ];
  it.each(rows)("%s", async (_, argv, pattern) => {
    await refused(argv, 2, pattern);
  });
});

/** The tiny detector with something else for a parameter's values. */
function withValue(value: number): Uint8Array {
  const { graph } = tinyDetector(1);
  const parameters = new Map(graph.parameters);
  const [name, tensor] = [...parameters][0];
  parameters.set(
    name,
    new Tensor(
      tensor.shape,
      "f32",
      Float32Array.from(tensor.data, (v, i) => (i === 3 ? value : v)),
    ),
  );
  const { name: graphName, inputs, outputs, nodes } = graph;
  return exportOnnx(new Graph({ name: graphName, inputs, outputs, nodes, parameters }));
}

/** The tiny detector with weights of another shape in one layer. */
function otherNetwork(): Uint8Array {
  const { graph } = tinyDetector(1);
  const { name, inputs, outputs, parameters } = graph;
  const weight = parameters.get("depthwiseWeight") as Tensor;
  const larger = new Tensor([6, 1, 5, 5], "f32", new Float32Array(150).fill(weight.data[0]));
  const nodes = graph.nodes.map((n) => (n.name === "depthwise" ? { ...n, attrs: { ...(n.attrs as object), padding: [2, 2, 2, 2] } } : n));
  return exportOnnx(new Graph({ name, inputs, outputs, nodes, parameters: new Map([...parameters, ["depthwiseWeight", larger]]) }));
}

/** The model's bytes with every occurrence of a word replaced by one of the same length. */
function renamed(word: string, by: string): Uint8Array {
  return new Uint8Array(Buffer.from(readFileSync(model).toString("latin1").replaceAll(word, by), "latin1"));
}

describe("a job that cannot be done ends with 1", () => {
  const bytes = readFileSync(model);
  const file = place.write("file", "");
  mkdirSync(place.path("fake"));
  place.write("fake/a.jpg", "this is text");
  mkdirSync(place.path("cut"));
  place.write("cut/a.png", readFileSync(place.path("photos/0.png")).subarray(0, 300));
  const onModel = (path: string): string[] => job().map((word) => (word === model ? path : word));
  const rows: [string, string[], RegExp][] = [
    ["a truncated model", onModel(place.write("cut.onnx", bytes.subarray(0, bytes.length >> 1))), /cut: /],
    ["a model that is no model", onModel(place.write("text.onnx", "hello")), /text: /],
    ["an empty model", onModel(place.write("zero.onnx", "")), /zero: /],
    ["an unsupported operator", onModel(place.write("relx.onnx", renamed("Relu", "Relx"))), /Relx/],
    [
      "a model without a card",
      job()
        .filter((word) => word !== "--card" && word !== card)
        .map((w) => (w === model ? place.write("other.onnx", renamed("heatmap", "numbers")) : w)),
      /preset|card/,
    ],
    ["a card for other outputs", onModel(place.path("other.onnx")), /heatmap/],
    ["NaN in the weights", onModel(place.write("nan.onnx", withValue(Number.NaN))), /NaN|finite/],
    ["infinity in the weights", onModel(place.write("inf.onnx", withValue(Number.POSITIVE_INFINITY))), /Inf|finite/],
    ["a picture that is text", jobWith("--calibrate", place.path("fake")), /a\.jpg must be a JPEG or PNG file/],
    ["a truncated picture", jobWith("--calibrate", place.path("cut")), /a\.png must be an undamaged PNG/],
    [
      "a bad model with bad pictures",
      jobWith("--calibrate", place.path("fake")).map((w) => (w === model ? place.path("text.onnx") : w)),
      /^error: text: /,
    ],
    [
      "a bad model with a missing folder",
      jobWith("--calibrate", place.path("nowhere")).map((w) => (w === model ? place.path("text.onnx") : w)),
      /^error: text: /,
    ],
    [
      "an output that is a file, with bad pictures",
      jobWith("--calibrate", place.path("fake")).map((w) => (w === out ? file : w)),
      /file must be a folder/,
    ],
    [
      "a picture to infer on that is text",
      ["infer", model, "--card", card, place.path("photos/0.png"), place.path("fake/a.jpg")],
      /a\.jpg must be a JPEG or PNG file/,
    ],
    ["a comparison with text", comparison(place.path("text.onnx")), /text: /],
    [
      "a comparison with another network",
      comparison(place.write("fewer.onnx", otherNetwork())),
      /every layer must have a counterpart .* got 3 of 4/,
    ],
    ["a comparison written to a file", comparison(model, "--out", file), /file must be a folder, got a file/],
    ["an output that is a file", jobWith("--out", file), /file must be a folder, got a file/],
    ["an output below a file", jobWith("--out", `${file}/out`), /file.* must be a folder, got a file|writable/],
    ["a pattern that matches nothing", job("--exclude", "nothing*"), /nothing\*/],
  ];
  it.each(rows)("%s", async (_, argv, pattern) => {
    await refused(argv, 1, pattern);
    expect(existsSync(out)).toBe(false);
  });
});
