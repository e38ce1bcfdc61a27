import { zipSync, zlibSync } from "fflate";
import { describe, expect, it } from "vitest";
import { decodePicture, encodePng, parseCoco, parseCocoResults, readNpz, readSafetensors, writeNpy } from "../../src/data/index.ts";
import { parseCard } from "../../src/detect/index.ts";
import { InlierqError } from "../../src/errors.ts";
import { parseConfig } from "../../src/job/index.ts";
import { parseComparison, readIntegerFile, writeIntegerFile } from "../../src/quant/index.ts";
import { readContainer, writeContainer } from "../../src/quant/integer/file/container.ts";
import { tensor } from "../../src/tensor/index.ts";
import { importTfjs, tfjsWeightPaths } from "../../src/tfjs/index.ts";
import { convStack, planOf } from "../quant/integer/plans.ts";
import { tinyDetector } from "../quant/tiny.ts";
import { attr, floats, graphModel } from "../tfjs/build.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What a reader says; undefined where it has nothing to say against it. Anything but one line of ours is a defect. */
function refusal(read: () => unknown): string | undefined {
  try {
    read();
  } catch (error) {
    if (!(error instanceof InlierqError)) throw error;
    expect(error.message).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]{1,2100}$/u);
    return error.message;
  }
  return undefined;
}

describe("JSON of 100 000 levels", () => {
  const LEVELS = 100_000;
  const deep = [`${"[".repeat(LEVELS)}${"]".repeat(LEVELS)}`, `${'{"a":'.repeat(LEVELS)}0${"}".repeat(LEVELS)}`];
  const value = (json: string): unknown => JSON.parse(json);
  const { graph, x } = convStack({ layers: 1, channels: 2, size: 4, batch: 1 });
  const { header, body } = readContainer(writeIntegerFile({ graph, plan: planOf(graph, x) }), "file");
  const length = (json: string): Uint8Array => {
    const bytes = new Uint8Array(8 + json.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(text(json), 8);
    return bytes;
  };
  /** Each reader with the whole text deep, and with a value inside a sound text. */
  const readers: readonly [string, (json: string) => unknown][] = [
    ["a card", (json) => parseCard(value(json))],
    ["a key of a card", (json) => parseCard({ ...tinyDetector(1).card, constants: { x: value(json) } })],
    ["an unknown key of a card", (json) => parseCard({ ...tinyDetector(1).card, a: value(json) })],
    ["a configuration", (json) => parseConfig(value(json))],
    ["a key of a configuration", (json) => parseConfig({ exclude: value(json) })],
    ["annotations", (json) => parseCoco(text(json))],
    ["a list of annotations", (json) => parseCoco(text(`{"images":${json},"categories":[],"annotations":[]}`))],
    ["a name in annotations", (json) => parseCoco(text(`{"images":[{"id":1,"file_name":${json}}],"categories":[],"annotations":[]}`))],
    ["results", (json) => parseCocoResults(text(json))],
    ["a box of results", (json) => parseCocoResults(text(`[{"score":1,"image_id":1,"category_id":1,"bbox":${json}}]`))],
    ["a comparison", (json) => parseComparison(value(json))],
    ["a safetensors header", (json) => readSafetensors(length(json))],
    ["a safetensors tensor", (json) => readSafetensors(length(`{"a":{"dtype":${json}}}`))],
    ["a safetensors shape", (json) => readSafetensors(length(`{"a":{"dtype":"F32","shape":${json}}}`))],
    ["safetensors metadata", (json) => readSafetensors(length(`{"__metadata__":{"a":${json}}}`))],
    ["a tfjs model", (json) => importTfjs(text(json), new Map())],
    [
      "a tfjs attribute",
      (json) =>
        importTfjs(
          text(
            `{"modelTopology":{"node":[{"name":"x","op":"Placeholder","attr":{"shape":${json},"dtype":${json}}}]},"weightsManifest":[]}`,
          ),
          new Map(),
        ),
    ],
    ["an integer model's header", (json) => readIntegerFile(writeContainer(json, body))],
    [
      "an integer model's attributes",
      (json) => readIntegerFile(writeContainer(header.replace(/"attrs":\{[^{}]*\}/, `"attrs":${json}`), body)),
    ],
  ];
  it.each(readers)("as %s is refused in one line", (_, read) => {
    for (const json of deep) expect(refusal(() => read(json))).toMatch(/, got /);
  });
});

describe("an .npz archive that is a bomb", () => {
  const bytes = zipSync({ "a.npy": new Uint8Array(2 ** 24), "b.npy": writeNpy(tensor([1, 2])) }, { level: 9 });
  /** The archive with the size its directory states for the first member replaced. */
  const stating = (size: number): Uint8Array => {
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    for (let at = 0; at + 46 < copy.length; at++) {
      if (view.getUint32(at, true) !== 0x02014b50) continue;
      view.setUint32(at + 24, size, true);
      break;
    }
    return copy;
  };
  it.each([
    ["of nothing but zeros", bytes, /a\.npy.* must begin with the magic bytes/],
    ["that states less than it holds", stating(100), /member "a\.npy" must (hold|have|be)/],
    ["that states more than deflate can give", stating(2 ** 31), /must expand/],
    ["that states 4 GiB", stating(0xfffffffe), /must expand/],
  ])("%s is refused in one line", (_, archive, reason) => {
    expect(refusal(() => readNpz(archive))).toMatch(reason);
  });
});

describe("a picture whose header claims what its bytes cannot hold", () => {
  const png = encodePng({ width: 8, height: 8, data: new Uint8Array(192) });
  /** The file with other sides in its header. */
  const claiming = (width: number, height: number): Uint8Array => {
    const copy = png.slice();
    const view = new DataView(copy.buffer);
    view.setUint32(16, width);
    view.setUint32(20, height);
    return copy;
  };
  /** A JPEG of nothing but a frame header. */
  const jpeg = (width: number, height: number): Uint8Array =>
    Uint8Array.from([
      0xff,
      0xd8,
      0xff,
      0xc0,
      0,
      11,
      8,
      height >> 8,
      height & 255,
      width >> 8,
      width & 255,
      1,
      1,
      0x11,
      0,
      0xff,
      0xd9,
      0,
      0,
    ]);
  /** The file with 16 MiB of zeros as its pixels. */
  const bomb = (): Uint8Array => {
    const zeros = zlibSync(new Uint8Array(2 ** 24), { level: 9 });
    const chunk = new Uint8Array(12 + zeros.length);
    new DataView(chunk.buffer).setUint32(0, zeros.length);
    chunk.set(text("IDAT"), 4);
    chunk.set(zeros, 8);
    return Uint8Array.from([...png.subarray(0, 33), ...chunk, ...png.subarray(png.length - 12)]);
  };

  it.each([
    ["a PNG of 8000x8000", claiming(8000, 8000), /must have pixels that its \d+ bytes can hold/],
    ["a PNG of 4 billion rows", claiming(1, 0xffffffff), /must have at most/],
    ["a JPEG of 8000x8000", jpeg(8000, 8000), /must have pixels that its 19 bytes can hold/],
    ["a JPEG of 65535x65535", jpeg(65535, 65535), /must have at most/],
    ["a PNG of more data than pixels", bomb(), /must have no more data than its 8x8 pixels need/],
  ])("%s is refused in one line", (_, bytes, reason) => {
    expect(refusal(() => decodePicture(bytes))).toMatch(reason);
  });
});

describe("a tfjs model", () => {
  const weights = { w: floats([3, 3, 3, 2], new Array<number>(54).fill(0.5)) };
  const window = { strides: attr.ints(1, 1, 1, 1), padding: attr.text("SAME"), data_format: attr.text("NHWC") };
  const nodes = (names: Readonly<Record<"x" | "y", string>>) => [
    { name: names.x, op: "Placeholder", attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(1, 4, 4, 3) } },
    { name: names.y, op: "Conv2D", input: [names.x, "w"], attr: window },
  ];
  const plain = graphModel(nodes({ x: "x", y: "y" }), weights);
  const json = JSON.parse(new TextDecoder().decode(plain.json));
  const withPath = (path: string): Uint8Array =>
    text(JSON.stringify({ ...json, weightsManifest: [{ ...json.weightsManifest[0], paths: [path] }] }));

  it.each([
    "../w.bin",
    "a/../../w.bin",
    "/etc/passwd",
    "\\\\server\\share",
    "C:\\w.bin",
    "c:w.bin",
    "https://a.b/w.bin",
    "file:w.bin",
    "a\0.bin",
    "..\\w.bin",
    "a//b",
    "",
  ])("with the weight path %j is refused", (path) => {
    expect(refusal(() => tfjsWeightPaths(withPath(path)))).toMatch(/^model\.json: /);
  });

  it("with a shard missing, short or long is refused", () => {
    const read = (files: ReadonlyMap<string, Uint8Array>): string | undefined => refusal(() => importTfjs(plain.json, files));
    expect(read(new Map())).toMatch(/weight shard "weights\.bin" must be given/);
    expect(read(new Map([["weights.bin", plain.shard.subarray(1)]]))).toMatch(/216 bytes must follow byte 0 of weights\.bin, got 215/);
    expect(read(new Map([["weights.bin", Uint8Array.from([...plain.shard, 0])]]))).toMatch(/must hold 216 bytes, .* got 217/);
    expect(read(new Map([["weights.bin", plain.shard]]))).toBeUndefined();
  });

  it.each(["__proto__", "constructor", "hasOwnProperty", "\u001b[2J\n\u202e", "n".repeat(2 ** 20)])(
    "keeps a name that is hostile",
    (name) => {
      for (const [ins, outs] of [
        [name, "y"],
        ["x", name],
      ]) {
        const port = (tensor: string) => Object.fromEntries([[name, { name: tensor }]]);
        const model = graphModel(nodes({ x: ins, y: outs }), weights, { signature: { inputs: port(ins), outputs: port(`${outs}:0`) } });
        const graph = importTfjs(model.json, new Map([["weights.bin", model.shard]]));
        expect([graph.inputs[0].name, graph.outputs[0].name]).toEqual([ins, outs]);
      }
    },
  );

  it("keeps an output that only a key of that name states", () => {
    const extra = JSON.stringify({ ...json, signature: { outputs: { KEY: { name: "x:0" } } } }).replace("KEY", "__proto__");
    const graph = importTfjs(text(extra), new Map([["weights.bin", plain.shard]]));
    expect(graph.outputs.map((p) => p.name)).toEqual(["x"]);
  });
});
