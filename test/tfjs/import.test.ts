import { beforeAll, describe, expect, test } from "vitest";
import { loadTfjs, startTfjs } from "../../scripts/tfjs.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Rng, tensor, uniform } from "../../src/tensor/index.ts";
import { importTfjs, type TfjsImportOptions, tfjsWeightPaths } from "../../src/tfjs/index.ts";
import { attr, graphModel, type PartialNode, type Weight, whole } from "./build.ts";
import { node, random } from "./caseParts.ts";

const bytesOf = (json: object): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const placeholder = (...shape: number[]): PartialNode => ({
  name: "x",
  op: "Placeholder",
  attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(...shape) },
});

/** A model of nodes behind the input "x". */
function read(nodes: readonly PartialNode[], options: TfjsImportOptions = {}, weights: Readonly<Record<string, Weight>> = {}, extra = {}) {
  const { json, shard } = graphModel(nodes, weights, extra);
  return importTfjs(json, new Map([["weights.bin", shard]]), { name: "m.json", ...options });
}

const namesOf = (ports: readonly { readonly name: string }[]): string[] => ports.map((port) => port.name);
const signature = (outputs: readonly string[], inputShape?: readonly number[]) => ({
  signature: {
    inputs: { picture: { name: "x:0", ...(inputShape && { tensorShape: attr.shape(...inputShape).shape }) } },
    outputs: Object.fromEntries(outputs.map((name) => [name, { name }])),
  },
});

/** The model y = x + w with one weight stored as the manifest entry says. */
function stored(shape: readonly number[], entry: object, shard: Uint8Array, dtype = "DT_FLOAT") {
  const constant = { name: "w", op: "Const", attr: { dtype: attr.type(dtype) } };
  const nodes = [constant, placeholder(...shape), node("Cast", ["w"], { DstT: attr.type("DT_FLOAT") }, "f"), node("Add", ["x", "f"])];
  const manifest = [{ paths: ["w.bin"], weights: [{ name: "w", shape, ...entry }] }];
  const topology = { node: nodes.map((n) => ({ input: [], ...n })), library: {}, versions: {} };
  const json = bytesOf({ format: "graph-model", modelTopology: topology, weightsManifest: manifest });
  return { json, files: new Map([["w.bin", shard]]) };
}

const u16 = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
const u8 = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("stored weights", () => {
  beforeAll(startTfjs);

  const half = { dtype: "float32", quantization: { dtype: "float16", original_dtype: "float32" } };
  const coded = (dtype: string, original = "float32", scale = 0.5, min = -3) => ({
    dtype: original,
    quantization: { dtype, scale, min, original_dtype: original },
  });
  test.each([
    ["float16", half, u16(0x3c00, 0xc000, 0x3555, 0x0001), "DT_FLOAT", [1, -2, 0.333251953125, 2 ** -24]],
    ["uint8", coded("uint8"), u8(0, 1, 6, 255), "DT_FLOAT", [-3, -2.5, 0, 124.5]],
    ["uint16", coded("uint16", "float32", 0.25, 1), u16(0, 1, 6, 65535), "DT_FLOAT", [1, 1.25, 2.5, 16384.75]],
    ["int32 as uint8", coded("uint8", "int32", 0.5, -2), u8(0, 1, 2, 255), "DT_INT32", [-2, -1, -1, 126]],
    ["int32", { dtype: "int32" }, new Uint8Array(Int32Array.of(7, -8, 0, 123456).buffer), "DT_INT32", [7, -8, 0, 123456]],
  ])("%s gives the values tfjs gives", async (_, entry, shard, dtype, values) => {
    const { json, files } = stored([4], entry, shard, dtype);
    const x = uniform([4], new Rng("stored"), 0, 0);
    const ours = importTfjs(json, files).forward(x).y;
    expect([...ours.data]).toEqual(values);
    expect((await loadTfjs(json, [shard])).run("x", x, ["y"])).toEqual([ours.data]);
  });

  test("codes are scaled in f64 and rounded once", () => {
    const { json, files } = stored([1], coded("uint8", "float32", 0.1, -12.7), u8(201));
    expect(importTfjs(json, files).forward(uniform([1], new Rng(1), 0, 0)).y.data[0]).toBe(Math.fround(201 * 0.1 - 12.7));
  });

  test("several shards of a group are read end to end, wherever a weight is cut", () => {
    const { json, files } = stored([4], { dtype: "float32" }, u8());
    const parsed = JSON.parse(new TextDecoder().decode(json));
    parsed.weightsManifest[0].paths = ["a.bin", "b.bin", "deep/c.bin"];
    const split = bytesOf(parsed);
    expect(tfjsWeightPaths(split)).toEqual(["a.bin", "b.bin", "deep/c.bin"]);
    const all = new Uint8Array(Float32Array.of(1.5, -2, 3.25, 1e-3).buffer);
    const parts = [all.subarray(0, 5), all.subarray(5, 6), all.subarray(6)];
    for (const [i, path] of tfjsWeightPaths(split).entries()) files.set(path, parts[i]);
    expect(importTfjs(split, files).forward(uniform([4], new Rng(1), 0, 0)).y.data).toEqual(Float32Array.of(1.5, -2, 3.25, 1e-3));
    files.delete("b.bin");
    expect(() => importTfjs(split, files)).toThrow(/^model\.json: weight shard "b\.bin" must be given, got none$/);
  });

  test.each([
    ["too few bytes", { dtype: "float32" }, u8(1, 2, 3), /weight "w": 16 bytes must follow byte 0 of w\.bin, got 3$/],
    ["bytes left over", { dtype: "uint8" }, u8(1, 2, 3, 4, 5), /w\.bin must hold 4 bytes, as the manifest says, got 5$/],
    ["text", { dtype: "string" }, u8(1), /weight "w": the element type must be one of .*, got "string"$/],
    [
      "codes without a scale",
      { dtype: "float32", quantization: { dtype: "uint8" } },
      u8(1, 2, 3, 4),
      /uint8 codes must come with scale and min/,
    ],
  ])("%s is refused", (_, entry, shard, message) => {
    const { json, files } = stored([4], entry, shard);
    expect(() => importTfjs(json, files)).toThrow(message);
    expect(() => importTfjs(json, files)).toThrow(ArgumentError);
  });

  const conv = { strides: attr.ints(1, 1, 1, 1), dilations: attr.ints(1, 1, 1, 1), padding: attr.text("SAME") };
  const convs = [placeholder(1, 4, 5, 3), node("Conv2D", ["x", "w"], conv, "a"), node("Conv2D", ["a", "w"], conv, "b")];
  test.each([
    ["two convolutions", [...convs, node("AddV2", ["a", "b"])], { w: random(1, 3, 3, 3, 3) }],
    [
      "a convolution and a sum",
      [...convs, node("Sum", ["w", "axes"], { keep_dims: attr.bool(true) }, "s"), node("AddV2", ["b", "s"])],
      { w: random(1, 1, 1, 3, 3), axes: whole(2) },
    ],
  ])("a weight shared by %s gives what tfjs gives", async (_, nodes, weights: Record<string, Weight>) => {
    const { json, shard } = graphModel(nodes, weights);
    const x = uniform([1, 4, 5, 3], new Rng("shared"), -1, 1);
    const ours = importTfjs(json, new Map([["weights.bin", shard]])).forward(x).y;
    const [want] = (await loadTfjs(json, [shard])).run("x", x, ["y"]);
    expect(ours.size).toBe(want.length);
    want.forEach((v, i) => expect(Math.abs(ours.data[i] - v)).toBeLessThan(1e-4));
  });
});

describe("outputs", () => {
  const X = placeholder(2, 3);
  const chain = [X, node("Relu", ["x"], {}, "first"), node("Neg", ["first"], {}, "second"), node("Exp", ["second"], {}, "third")];
  const decoded = [...chain, node("Where", ["third"], {}, "where"), node("TopKV2", ["third", "where"], {}, "top")];

  test("endAt ends the graph at inner tensors, in the order asked", () => {
    expect(namesOf(read(chain).outputs)).toEqual(["third"]);
    const graph = read(chain, { endAt: ["second", "first:0", "second:0"] });
    expect(namesOf(graph.outputs)).toEqual(["second", "first"]);
    expect(graph.nodes.map((n) => n.name)).toEqual(["first", "second"]);
  });

  test("endAt that the file gives already leaves its outputs as they are", () => {
    const graph = read(chain, { endAt: ["third"] }, {}, signature(["first", "third"]));
    expect(namesOf(graph.outputs)).toEqual(["first", "third"]);
  });

  test("an unknown name in endAt is refused with the nearest one", () => {
    expect(() => read(chain, { endAt: ["secnd"] })).toThrow(
      /^m\.json: every output must be a tensor of the file, got "secnd" \(did you mean "second"\?\)$/,
    );
  });

  test("endAt cuts a tail with unknown operators off, and is refused behind them", () => {
    expect(namesOf(read(decoded, { endAt: ["third"] }).outputs)).toEqual(["third"]);
    expect(() => read(decoded, { endAt: ["third", "top:1"] })).toThrow(
      /^m\.json: every operator must be supported, got Where \(node "where"\), TopKV2 \(node "top"\)$/,
    );
  });

  test("outputs of the signature may be written with :0; the input's shape may stand only there", () => {
    const free = [placeholder(-1, -1), ...chain.slice(1)];
    const graph = read(free, {}, {}, signature(["third:0", "first:0"], [2, 3]));
    expect(namesOf(graph.outputs)).toEqual(["third", "first"]);
    expect(graph.inputs).toEqual([{ name: "x", shape: [2, 3], dtype: "f32" }]);
    const [x] = [uniform([2, 3], new Rng(1), -1, 1)];
    expect(graph.forward(x).first.data).toEqual(x.data.map((v) => Math.max(v, 0)));
  });

  test("without a signature, every tensor that nothing reads is an output", () => {
    const graph = read([...chain, node("Sqrt", ["first"], {}, "other")]);
    expect(namesOf(graph.outputs).sort()).toEqual(["other", "third"]);
  });

  test("outputs that need unknown operators are left out", () => {
    expect(namesOf(read(decoded, {}, {}, signature(["top", "first", "where"])).outputs)).toEqual(["first"]);
    expect(namesOf(read([...decoded, node("Sqrt", ["first"], {}, "root")]).outputs)).toEqual(["root"]);
  });

  test("where no output is left, all unknown operators are named in one line, with counts", () => {
    const nodes = [
      X,
      node("Where", ["x"], {}, "w1"),
      node("Where", ["x"], {}, "w2"),
      node("TopKV2", ["x"], {}, "top"),
      node("Unique", ["x"], {}, "u"),
    ];
    expect(() => read(nodes)).toThrow(
      /^m\.json: an output must need supported operators only, got Where \(2 nodes, first "w1"\), TopKV2 \(node "top"\), Unique \(node "u"\) \([^\n]*\)$/,
    );
  });
});

describe("unknown operators behind unknown ones", () => {
  const X = placeholder(2, 3);

  test("are named too", () => {
    const nodes = [X, node("Where", ["x"], {}, "a"), node("Neg", ["a"], {}, "b"), node("Unique", ["b"], {}, "c")];
    expect(() => read(nodes)).toThrow(/got Where \(node "a"\), Unique \(node "c"\) \(name tensors/);
  });

  test("may form a loop: the outputs beside it are kept", () => {
    const loop = [
      node("Merge", ["x", "next"], {}, "merge"),
      node("NextIteration", ["merge"], {}, "next"),
      node("Exit", ["merge"], {}, "e"),
    ];
    const nodes = [X, ...loop, node("Relu", ["x"], {}, "y")];
    expect(namesOf(read(nodes).outputs)).toEqual(["y"]);
    expect(() => read(nodes, { endAt: ["e"] })).toThrow(/must be supported, got (?=.*Merge \()(?=.*NextIteration \()(?=.*Exit \()[^\n]*$/);
  });

  test("a loop of known operators is refused", () => {
    const loop = [node("Add", ["x", "b"], {}, "a"), node("Relu", ["a"], {}, "b"), node("Neg", ["b"], {}, "y")];
    expect(() => read([X, ...loop])).toThrow(/^m\.json: the graph must not be cyclic, got node "[ab]" on a cycle$/);
  });
});

describe("files that are refused", () => {
  const refused = (json: object): (() => unknown) => {
    return () => importTfjs(bytesOf(json), new Map(), { name: "m.json" });
  };

  test("a layers model", () => {
    const layers = { format: "layers-model", modelTopology: { model_config: {} }, weightsManifest: [] };
    expect(refused(layers)).toThrow(/^m\.json: format must be graph-model, got layers-model \(convert it with tensorflowjs_converter\)$/);
    expect(() => tfjsWeightPaths(bytesOf(layers))).toThrow(/^model\.json: format must be graph-model, got layers-model/);
  });

  test("text that is no JSON, and JSON that is no model", () => {
    expect(() => importTfjs(u8(0x7b, 0xff), new Map(), { name: "m.json" })).toThrow(
      /^m\.json: the file must be JSON in UTF-8, got 2 bytes/,
    );
    expect(refused({ format: "graph-model", weightsManifest: [] })).toThrow(/^m\.json: modelTopology must be as tfjs graph models have it/);
  });

  test.each(["../w.bin", "/etc/w.bin", "a/../../w.bin", "http://host/w.bin", "a\\..\\w.bin", "a//w.bin"])("a shard at %s", (path) => {
    const { json } = stored([1], { dtype: "float32" }, u8());
    const model = JSON.parse(new TextDecoder().decode(json));
    model.weightsManifest[0].paths = [path];
    expect(() => tfjsWeightPaths(bytesOf(model))).toThrow(/^model\.json: every weight path must stay in the model's folder, got "/);
  });
});

describe("free sizes", () => {
  const tail = [node("Relu", ["x"], {}, "y")];
  const shapeOf = (declared: number[], options: TfjsImportOptions) => {
    const { inputs, outputs } = read([placeholder(...declared), ...tail], options);
    return [inputs[0].shape, outputs[0].shape];
  };

  test("inputShape fills the sizes that the file leaves free, and no others", () => {
    expect(shapeOf([-1, -1, -1, 3], { inputShape: [1, 32, 48, 3] })[0]).toEqual([1, 32, 48, 3]);
    expect(shapeOf([1, 16, -1, 3], { inputShape: [1, 32, 48, 3] })[0]).toEqual([1, 16, 48, 3]);
  });

  test("freeSides fills height and width of pictures, and of nothing else", () => {
    expect(shapeOf([1, -1, -1, 3], { freeSides: [32, 64] })).toEqual([
      [1, 32, 64, 3],
      [1, 32, 64, 3],
    ]);
    expect(shapeOf([1, 16, -1, 3], { freeSides: [32, 64] })[0]).toEqual([1, 16, 64, 3]);
    expect(shapeOf([1, 8, 8, 3], { freeSides: [32, 64] })[0]).toEqual([1, 8, 8, 3]);
    expect(() => shapeOf([1, -1, -1, 4], { freeSides: [32, 64] })).toThrow(
      /node "x" \(Placeholder\): the input must have a fixed shape but for the batch, got \[1,-1,-1,4\] \(give an input shape\)$/,
    );
  });

  test("inputShape goes before freeSides", () => {
    expect(shapeOf([1, -1, -1, 3], { inputShape: [1, 16, 24, 3], freeSides: [32, 64] })[0]).toEqual([1, 16, 24, 3]);
  });

  test("a free size without a value, or an inputShape of another rank, is refused", () => {
    expect(() => shapeOf([1, -1, 8, 3], {})).toThrow(/the input must have a fixed shape but for the batch, got \[1,-1,8,3\]/);
    expect(() => shapeOf([1, -1, 8, 3], { inputShape: [8, 8] })).toThrow(/must have a fixed shape/);
  });

  test("the batch stays free, and any number of pictures runs", () => {
    const nodes = [
      placeholder(-1, 4, 4, 3),
      node("Conv2D", ["x", "w"], { strides: attr.ints(1, 2, 2, 1), padding: attr.text("SAME") }, "c"),
      node("Relu6", ["c"], {}, "y"),
    ];
    const graph = read(nodes, {}, { w: random(1, 3, 3, 3, 2) });
    expect(graph.inputs[0].shape).toEqual([-1, 4, 4, 3]);
    expect(graph.outputs[0].shape).toEqual([-1, 2, 2, 2]);
    const x = uniform([3, 4, 4, 3], new Rng("batch"), -2, 2);
    const all = graph.forward(x).y;
    expect(all.shape).toEqual([3, 2, 2, 2]);
    for (let i = 0; i < 3; i++) {
      const one = tensor(x.data.slice(48 * i, 48 * (i + 1)) as Float32Array, [1, 4, 4, 3]);
      expect(graph.forward(one).y.data).toEqual(all.data.slice(8 * i, 8 * (i + 1)));
    }
  });
});
