import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors.ts";
import { modelParts, readGraph } from "../../src/job/index.ts";
import { Rng, tensor, uniform } from "../../src/tensor/index.ts";
import { file, floats, node } from "../onnx/build.ts";
import { attr, graphModel, floats as stored } from "../tfjs/build.ts";

const SHARD = "weights.bin";
const bias = [0.5, -1, 2];

/** y = relu(x + w) over [1,4,4,3], in both formats. */
const tfjs = graphModel(
  [
    { name: "x", op: "Placeholder", attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(1, 4, 4, 3) } },
    { name: "sum", op: "AddV2", input: ["x", "w"] },
    { name: "y", op: "Relu", input: ["sum"] },
  ],
  { w: stored([3], bias) },
);
const onnx = file({
  input: [1, 4, 4, 3],
  nodes: [node("Add", ["x", "w"], ["sum"]), node("Relu", ["sum"], ["y"])],
  initializers: [floats("w", tensor(bias))],
});
const parts = new Map([[SHARD, tfjs.shard]]);
const behind = (spaces: string, json: Uint8Array): Uint8Array => Uint8Array.from([...new TextEncoder().encode(spaces), ...json]);
const x = uniform([1, 4, 4, 3], new Rng("source"), -2, 2);
const wanted = x.data.map((v, i) => Math.max(0, Math.fround(v + bias[i % 3])));

describe("readGraph picks the format by the content", () => {
  test.each(["", " ", "\n", "\r\n\t  "])("JSON behind %j is a tfjs graph model, whatever its name", (spaces) => {
    const graph = readGraph({ bytes: behind(spaces, tfjs.json), parts }, { name: "net.onnx" });
    expect(graph.forward(x).y.data).toEqual(wanted);
  });

  test("all else is ONNX, whatever its name; alone or as files", () => {
    for (const model of [onnx, { bytes: onnx, parts: new Map<string, Uint8Array>() }])
      expect(readGraph(model, { name: "net.json" }).forward(x).y.data).toEqual(wanted);
  });

  test("a graph is given back as it is", () => {
    const graph = readGraph(onnx, { name: "net" });
    expect(readGraph(graph, { name: "other", endAt: ["sum"] })).toBe(graph);
  });

  test("errors come from the format that was picked", () => {
    const json = new TextEncoder().encode(' {"format":"layers-model"}');
    expect(() => readGraph(json, { name: "net" })).toThrow(/^net: format must be graph-model, got layers-model/);
    expect(() => readGraph(Uint8Array.of(0x5b, 0x5d), { name: "net" })).toThrow(/^net: /);
    expect(() => readGraph(new Uint8Array(), { name: "net" })).toThrow(/^net: the file must hold a graph, got none \(0 bytes\)$/);
    expect(() => readGraph(tfjs.json, { name: "net" })).toThrow(/^net: weight shard "weights\.bin" must be given, got none$/);
  });
});

describe("modelParts", () => {
  test("names the shards of a tfjs graph model, and nothing for ONNX", () => {
    expect(modelParts(behind("\n ", tfjs.json), "m")).toEqual([SHARD]);
    expect(modelParts(onnx, "m")).toEqual([]);
  });

  test("keeps the order of groups and shards", () => {
    const manifest = [
      { paths: ["b.bin", "a.bin"], weights: [] },
      { paths: ["c.bin"], weights: [] },
    ];
    const { json } = graphModel([{ name: "x", op: "Placeholder" }], {}, { weightsManifest: manifest });
    expect(modelParts(json, "m")).toEqual(["b.bin", "a.bin", "c.bin"]);
  });

  test("refuses shards outside the model's folder", () => {
    const { json } = graphModel([{ name: "x", op: "Placeholder" }], {}, { weightsManifest: [{ paths: ["../a.bin"], weights: [] }] });
    expect(() => modelParts(json, "m")).toThrow(ArgumentError);
    expect(() => modelParts(json, "m")).toThrow(/^m: every weight path must stay in the model's folder, got "\.\.\/a\.bin"$/);
  });
});

describe("endAt", () => {
  const decoded = file({
    input: [1, 4, 4, 3],
    nodes: [
      node("Add", ["x", "w"], ["sum"]),
      node("Relu", ["sum"], ["maps"]),
      node("StringNormalizer", ["maps"], ["picked"]),
      node("Unique", ["picked"], ["y"]),
    ],
    initializers: [floats("w", tensor(bias))],
  });
  const namesOf = (ports: readonly { readonly name: string }[]): string[] => ports.map((port) => port.name);

  test("cuts an ONNX graph at inner tensors, in the order asked", () => {
    const graph = readGraph(onnx, { name: "m", endAt: ["sum"] });
    expect(namesOf(graph.outputs)).toEqual(["sum"]);
    expect(graph.nodes).toHaveLength(1);
    expect(graph.forward(x).sum.data).toEqual(x.data.map((v, i) => Math.fround(v + bias[i % 3])));
    expect(namesOf(readGraph(onnx, { name: "m", endAt: ["y", "sum", "y"] }).outputs)).toEqual(["y", "sum"]);
  });

  test("leaves the outputs as they are where the file gives all of them", () => {
    const two = file({ input: [2], nodes: [node("Relu", ["x"], ["a"]), node("Neg", ["a"], ["b"])], outputs: ["a", "b"] });
    expect(namesOf(readGraph(two, { name: "m", endAt: ["b"] }).outputs)).toEqual(["a", "b"]);
  });

  test("leaves decoding with unsupported operators unread", () => {
    expect(() => readGraph(decoded, { name: "m" })).toThrow(/^m: every operator must be supported, got .*Unique[^\n]*$/);
    const graph = readGraph(decoded, { name: "m", endAt: ["maps"] });
    expect(namesOf(graph.outputs)).toEqual(["maps"]);
    expect(graph.forward(x).maps.data).toEqual(wanted);
  });

  test("names the unsupported operators before it, all at once", () => {
    expect(() => readGraph(decoded, { name: "m", endAt: ["y"] })).toThrow(
      /^m: every operator must be supported, got (?=.*StringNormalizer)(?=.*Unique)[^\n]*$/,
    );
  });

  test("refuses unknown tensors with the nearest name, in either format", () => {
    for (const model of [onnx, { bytes: tfjs.json, parts }])
      expect(() => readGraph(model, { name: "m", endAt: ["sun"] })).toThrow(
        /^m: every output must be a tensor of the file, got "sun" \(did you mean "sum"\?\)$/,
      );
  });

  test("cuts a tfjs graph model likewise", () => {
    const graph = readGraph({ bytes: tfjs.json, parts }, { name: "m", endAt: ["sum"] });
    expect(namesOf(graph.outputs)).toEqual(["sum"]);
    expect(graph.nodes).toHaveLength(1);
  });
});

describe("free sides", () => {
  const free = graphModel([
    { name: "x", op: "Placeholder", attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(1, -1, -1, 3) } },
    { name: "y", op: "Relu", input: ["x"] },
  ]);
  const files = { bytes: free.json, parts: new Map([[SHARD, free.shard]]) };

  test("are 640 and 640 where nothing else is asked", () => {
    expect(readGraph(files, { name: "m" }).inputs[0].shape).toEqual([1, 640, 640, 3]);
    expect(readGraph(files, { name: "m", freeSides: [32, 64] }).inputs[0].shape).toEqual([1, 32, 64, 3]);
    const open = file({ input: [1, 3, "h", "w"], nodes: [node("Relu", ["x"], ["y"])] });
    expect(readGraph(open, { name: "m" }).inputs[0].shape).toEqual([1, 3, 640, 640]);
  });
});
