import { Buffer } from "node:buffer";
import { zipSync } from "fflate";
import { encode as encodeJpeg } from "jpeg-js";
import {
  decodePicture,
  encodePng,
  parseCoco,
  parseCocoResults,
  parseVoc,
  readNpy,
  readNpz,
  readSafetensors,
  writeNpy,
  writeSafetensors,
} from "../../../src/data/index.ts";
import { parseCard } from "../../../src/detect/index.ts";
import type { Graph } from "../../../src/graph/index.ts";
import { parseConfig } from "../../../src/job/index.ts";
import { exportOnnx, importOnnx, weightGrids } from "../../../src/onnx/index.ts";
import { AttributeType, DataType, type TensorInit } from "../../../src/onnx/protobuf.ts";
import { inferInteger, parseComparison, prepareInteger, readIntegerFile, writeIntegerFile } from "../../../src/quant/index.ts";
import { Rng, sizeOf, Tensor, uniform, zeros } from "../../../src/tensor/index.ts";
import { importTfjs, tfjsWeightPaths } from "../../../src/tfjs/index.ts";
import { file, node, floats as onnxFloats } from "../../onnx/build.ts";
import { convStack, planOf } from "../../quant/integer/plans.ts";
import { tinyDetector } from "../../quant/tiny.ts";
import { attr, floats, graphModel } from "../../tfjs/build.ts";
import { comparison } from "./comparison.ts";

/** A file format: a small sound file of it, and its reader, which throws where the file does not hold together. */
export interface FileFormat {
  readonly name: string;
  readonly sample: Uint8Array;
  /** Reads and checks what was read. */
  read(bytes: Uint8Array): void;
  /** Makes checksums right again, so that damage reaches what lies behind them; undefined where that cannot be done. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array | undefined;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const json = (value: unknown): Uint8Array => text(JSON.stringify(value));
const parsed = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

const { graph: stack, x } = convStack({ layers: 1, channels: 2, size: 4, batch: 1 });
const plan = planOf(stack, x);
const { card } = tinyDetector(1);

/** Larger networks are legal, but not run here. */
const LARGEST_RUN = { macs: 2 ** 22, elements: 2 ** 18 };

const fixed = (shape: readonly number[]): number[] => shape.map((d) => (d === -1 ? 1 : d));

/** Runs a graph on zeros: its outputs must have the declared shapes. */
function runs(graph: Graph): boolean {
  let elements = 0;
  for (const { shape } of graph.metas.values()) elements += sizeOf(shape);
  if (elements > LARGEST_RUN.elements || graph.macs() > LARGEST_RUN.macs) return false;
  const outputs = graph.forward(Object.fromEntries(graph.inputs.map(({ name, shape, dtype }) => [name, zeros(fixed(shape), dtype)])));
  for (const { name, shape } of graph.outputs) {
    const wanted = fixed(shape).join();
    if (outputs[name].shape.join() !== wanted) throw new Error(`output ${name} must be [${wanted}], got [${outputs[name].shape}]`);
    sound(outputs[name]);
  }
  return true;
}

function sound({ shape, data }: Tensor): void {
  if (data.length !== sizeOf(shape)) throw new Error(`a tensor of [${shape}] must have ${sizeOf(shape)} elements, got ${data.length}`);
}

const readOnnx = (bytes: Uint8Array): void => {
  runs(importOnnx(bytes, { name: "model.onnx" }));
  weightGrids(bytes, "model.onnx");
};

/** Every bit of a whole number in its place, so that damage makes large ones too. */
const wholes = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): TensorInit => ({
  name,
  dims: shape.map(BigInt),
  dataType: DataType.INT64,
  rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

/** Shape arithmetic: numbers in the file decide how large tensors become. */
const shaping = (): Uint8Array =>
  file({
    input: [1, 2, 4, 4],
    nodes: [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "third"], ["side"], [{ name: "axis", type: AttributeType.INT, i: 0n }]),
      node("ConstantOfShape", ["side"], ["filled"]),
      node("Range", ["start", "limit", "step"], ["counted"]),
      node("Tile", ["x", "times"], ["tiled"]),
      node("Pad", ["tiled", "pads"], ["padded"]),
      node("Resize", ["padded", "", "scales"], ["resized"]),
      node("Reshape", ["resized", "rows"], ["flat"]),
      node("Expand", ["counted", "wide"], ["expanded"]),
      node("Slice", ["flat", "start1", "limit1"], ["sliced"]),
      node("TopK", ["sliced", "most"], ["y", "places"], [{ name: "axis", type: AttributeType.INT, i: 1n }]),
    ],
    initializers: [
      wholes("third", [2]),
      wholes("start", [0], []),
      wholes("limit", [4], []),
      wholes("step", [1], []),
      wholes("times", [1, 1, 1, 2]),
      wholes("pads", [0, 0, 1, 1, 0, 0, 1, 1]),
      onnxFloats("scales", new Tensor([4], "f32", Float32Array.from([1, 1, 2, 2]))),
      wholes("rows", [4, -1]),
      wholes("wide", [3, 4]),
      wholes("start1", [0]),
      wholes("limit1", [3]),
      wholes("most", [5]),
    ],
    outputs: ["y", "expanded", "filled"],
  });

function tfjsModel(): { json: Uint8Array; shard: Uint8Array } {
  const rng = new Rng("tfjs");
  const random = (...shape: number[]) => floats(shape, uniform(shape, rng).data as Float32Array);
  const window = { strides: attr.ints(1, 2, 2, 1), padding: attr.text("SAME"), data_format: attr.text("NHWC") };
  return graphModel(
    [
      { name: "x", op: "Placeholder", attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(-1, 4, 4, 3) } },
      { name: "conv", op: "Conv2D", input: ["x", "w"], attr: { ...window, dilations: attr.ints(1, 1, 1, 1) } },
      { name: "bias", op: "BiasAdd", input: ["conv", "b"] },
      { name: "relu", op: "Relu", input: ["bias"] },
    ],
    { w: random(3, 3, 3, 2), b: random(2) },
  );
}

const tfjs = tfjsModel();

function readTfjs(model: Uint8Array, shard: Uint8Array): void {
  const paths = tfjsWeightPaths(model, "model.json");
  runs(importTfjs(model, new Map(paths.map((path) => [path, shard])), { name: "model.json" }));
}

const picture = { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, (_, i) => (i * 37) & 255) };

function jpeg(): Uint8Array {
  const data = Buffer.alloc(256, 255);
  for (let i = 0; i < 64; i++) data.set(picture.data.subarray(3 * i, 3 * i + 3), 4 * i);
  return new Uint8Array(encodeJpeg({ width: 8, height: 8, data }, 60).data);
}

function readPicture(bytes: Uint8Array): void {
  const { width, height, data } = decodePicture(bytes, { name: "picture" });
  if (data.length !== 3 * width * height)
    throw new Error(`${width}x${height} pixels must be ${3 * width * height} bytes, got ${data.length}`);
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
const crc32 = (bytes: Uint8Array): number => ~bytes.reduce((crc, byte) => CRC[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Every chunk of a PNG gets the checksum of what it holds now. */
function repairPng(bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length) break;
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}

/** The prefix of an integer model gets the lengths and the checksum of what it holds now. */
function repairInteger(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < 24) return undefined;
  const view = viewOf(bytes);
  bytes.set(integer.subarray(0, 16));
  const body = bytes.length - 24 - view.getUint32(12, true);
  if (body < 0) return undefined;
  view.setUint32(16, body, true);
  view.setUint32(20, crc32(bytes.subarray(24)), true);
  return bytes;
}

const integer = writeIntegerFile({ graph: stack, plan, metadata: { scheme: "W8A8" } });

function readInteger(bytes: Uint8Array): void {
  const { graph, plan: found } = readIntegerFile(bytes, "model.inlierq");
  const [input] = graph.inputs;
  if (!runs(graph) || graph.inputs.length !== 1) return;
  inferInteger(prepareInteger(graph, found), zeros(fixed(input.shape), input.dtype));
}

const array = new Tensor([2, 3], "f32", Float32Array.from([1, 2, 3, 4, 5, 6]));
const coco = {
  images: [{ id: 1, file_name: "a.jpg", width: 8, height: 8 }],
  categories: [{ id: 3, name: "cat" }],
  annotations: [{ id: 1, image_id: 1, category_id: 3, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 }],
};
const config = { scheme: "W4A8", method: "inlierq", samples: 32, exclude: ["a*"], inlierq: { topK: 20, separator: "svm" } };
const voc = `<annotation><filename>a.jpg</filename><size><width>8</width><height>8</height></size><object><name>c&amp;t</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox></object></annotation>`;

/** What JSON.parse refuses is refused in the same way by every reader of JSON files. */
const ofJson =
  (read: (value: unknown) => unknown) =>
  (bytes: Uint8Array): void => {
    let value: unknown;
    try {
      value = parsed(bytes);
    } catch (error) {
      if (error instanceof SyntaxError) return;
      throw error;
    }
    read(value);
  };

const tensors = (list: Iterable<Tensor>): void => {
  for (const tensor of list) sound(tensor);
};

/** Every format that a file can come in. */
export const FILE_FORMATS: readonly FileFormat[] = [
  { name: "onnx", sample: exportOnnx(stack), read: readOnnx },
  { name: "onnx with quantizers", sample: exportOnnx(stack, plan), read: readOnnx },
  { name: "onnx of shape arithmetic", sample: shaping(), read: readOnnx },
  { name: "tfjs model.json", sample: tfjs.json, read: (bytes) => readTfjs(bytes, tfjs.shard) },
  { name: "tfjs shard", sample: tfjs.shard, read: (bytes) => readTfjs(tfjs.json, bytes) },
  {
    name: "safetensors",
    sample: writeSafetensors(new Map([["w", array]]), new Map([["kind", "test"]])),
    read: (bytes) => tensors(readSafetensors(bytes).tensors.values()),
  },
  { name: "npy", sample: writeNpy(array), read: (bytes) => sound(readNpy(bytes)) },
  { name: "npz", sample: zipSync({ "w.npy": writeNpy(array) }, { level: 9 }), read: (bytes) => tensors(readNpz(bytes).values()) },
  { name: "integer model", sample: integer, read: readInteger },
  { name: "integer model, checksum restored", sample: integer, read: readInteger, repair: repairInteger },
  { name: "jpeg", sample: jpeg(), read: readPicture },
  { name: "png", sample: encodePng(picture), read: readPicture },
  { name: "png, checksums restored", sample: encodePng(picture), read: readPicture, repair: repairPng },
  { name: "detector card", sample: json(card), read: ofJson((value) => parseCard(value)) },
  { name: "configuration", sample: json(config), read: ofJson((value) => parseConfig(value)) },
  { name: "coco annotations", sample: json(coco), read: (bytes) => parseCoco(bytes) },
  {
    name: "coco results",
    sample: json([{ image_id: 1, category_id: 3, bbox: [1, 2, 3, 4], score: 0.5 }]),
    read: (bytes) => parseCocoResults(bytes),
  },
  { name: "voc annotation", sample: text(voc), read: (bytes) => parseVoc(new TextDecoder().decode(bytes)) },
  { name: "comparison record", sample: json(comparison), read: ofJson((value) => parseComparison(value)) },
];
