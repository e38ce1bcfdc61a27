import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseCard } from "../../src/detect/index.ts";
import { Graph } from "../../src/graph/index.ts";
import { quantize } from "../../src/job/index.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { parseComparison } from "../../src/quant/index.ts";
import { tinyDetector, tinySamples } from "../quant/tiny.ts";
import { cli, workplace } from "./bench.ts";

const LONG = `long${"x".repeat(2 ** 20)}`;
const MARKS = "\u001b[2J\u001b]0;gone\u0007\r\n| <img src=x onerror=alert(1)> [a](javascript:b) `c` \u202etxt\u2066 \u009b31m \u2028&amp;";

/** What every tensor and node of the tiny detector is called instead. */
const NAMES = new Map([
  ["heatmap", "__proto__"],
  ["size", "constructor"],
  ["stem", MARKS],
  ["depthwise", LONG],
  ["heat", "toString"],
  ["input", "hasOwnProperty"],
  ["stemWeight", "valueOf"],
  ["heatWeight", `${MARKS}2`],
]);

const { graph: plainGraph, card: plainCard } = tinyDetector(1);
/** Nodes and tensors have names of their own kind, so one name may be both. */
const called = (name: string): string => NAMES.get(name) ?? name;

const renamed = new Graph({
  name: "names",
  inputs: plainGraph.inputs.map((p) => ({ ...p, name: called(p.name) })),
  outputs: plainGraph.outputs.map((p) => ({ ...p, name: called(p.name) })),
  nodes: plainGraph.nodes.map((n) => ({ ...n, name: called(n.name), inputs: n.inputs.map(called), outputs: n.outputs.map(called) })),
  parameters: new Map([...plainGraph.parameters].map(([name, value]) => [called(name), value])),
});
const cardJson = {
  ...plainCard,
  name: MARKS,
  classes: [MARKS, "__proto__"],
  outputs: { heatmap: "__proto__", size: "constructor" },
  head: ["toString", "constructor"],
  predictions: ["toString", "constructor"],
  visibleThreshold: 0.02,
};

/** Nothing of a name may reach a terminal or a text as it is. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u;
const expectLines = (text: string): void => {
  for (const line of text.split("\n")) {
    expect(line).not.toMatch(UNSEEN);
    // A card to complete is JSON, which holds whole names.
    if (!/^\s*[{}\]"]/.test(line)) expect(line.length).toBeLessThan(20_000);
  }
};

describe("a model whose names are hostile", () => {
  it("computes what the plain one computes", () => {
    const x = tinySamples(1, 1).input(0);
    const [ours, theirs] = [importOnnx(exportOnnx(renamed)).forward(x), plainGraph.forward(x)];
    expect(Object.keys(ours).sort()).toEqual(["__proto__", "constructor"]);
    expect(Object.entries(ours).map(([, y]) => [...y.data])).toEqual(Object.values(theirs).map((y) => [...y.data]));
  });

  it("is quantized to the same numbers as the plain one", async () => {
    const samples = [0, 1].map((i) => ({ name: `s${i}`, tensors: tinySamples(1, 2).input(i) }));
    const run = async (graph: Graph, card: unknown) =>
      quantize(graph, { samples: samples.map((s) => ({ ...s, tensors: { [graph.inputs[0].name]: s.tensors } })), card: parseCard(card) });
    const [ours, theirs] = [await run(renamed, cardJson), await run(plainGraph, { ...plainCard, visibleThreshold: 0.02 })];
    expect(ours.record.sites.map((s) => [s.scale, s.zeroPoint, s.sqnr])).toEqual(
      theirs.record.sites.map((s) => [s.scale, s.zeroPoint, s.sqnr]),
    );
    expect(ours.record.layers.map((l) => l.name)).toEqual(theirs.record.layers.map((l) => called(l.name)));
  });
});

describe("the commands on a model whose names are hostile", () => {
  const place = workplace();
  afterAll(() => place.clear());
  const model = place.write("names.onnx", exportOnnx(renamed));
  const card = place.write("names.json", JSON.stringify(cardJson));
  const annotations = place.write(
    "coco.json",
    JSON.stringify({
      images: [0, 1, 2].map((i) => ({ id: i, file_name: `${i}.png`, width: 48, height: 48 })),
      categories: [{ id: 1, name: MARKS }],
      annotations: [{ id: 1, image_id: 0, category_id: 1, bbox: [1, 1, 20, 20] }],
    }),
  );
  const { photos, out } = place;
  const exported = join(out, "names.w8a8.onnx");
  const integer = join(out, "names.w8a8.inlierq");
  let said = "";

  beforeAll(async () => {
    const job = ["quantize", model, "--card", card, "--calibrate", photos, "--out", out, "--gate", "kept=0", "--integer", "--no-check"];
    const outcome = await cli(...job);
    expect(outcome.err).toBe("");
    said = outcome.out;
  });

  it("quantize says what it did without a character of theirs", () => expectLines(said));

  it.each<[string, string[]]>([
    ["inspect", ["inspect", model]],
    ["inspect --json", ["inspect", model, "--json"]],
    ["inspect --card", ["inspect", model, "--card"]],
    ["infer", ["infer", integer, join(photos, "0.png")]],
    ["infer --json", ["infer", exported, "--card", card, join(photos, "0.png"), "--json"]],
    ["eval", ["eval", model, exported, "--card", card, "--images", photos, "--annotations", annotations]],
    ["eval --json", ["eval", model, "--card", card, "--images", photos, "--annotations", annotations, "--json"]],
    ["compare", ["compare", model, exported, "--card", card, "--images", photos]],
    ["compare with an integer model", ["compare", model, integer, "--card", card, "--images", photos]],
    ["bench", ["bench", integer, "--runs", "1"]],
  ])("%s works, and shows names without what moves a cursor", async (name, argv) => {
    const { code, out: text, err } = await cli(...argv);
    expect(code).toBe(0);
    const lines = (shown: string): void =>
      name.includes("json") || name.includes("card") ? expect(shown.replaceAll("\n", "")).not.toMatch(UNSEEN) : expectLines(shown);
    lines(text);
    lines(err);
    if (name.endsWith("--json")) expect(JSON.parse(text)).toBeTruthy();
  });

  it("another runtime that loses an output of such a name is told of in one line", async () => {
    const { code, err } = await cli(
      "quantize",
      model,
      "--card",
      card,
      "--calibrate",
      photos,
      "--out",
      join(place.root, "checked"),
      "--check",
    );
    expect(err).toMatch(
      /^error: check: onnxruntime-web: must give every output by its name, got no "__proto__" \(the files are in [^\n]*\)\n$/,
    );
    expect(code).toBe(1);
    expect(existsSync(join(place.root, "checked", "record.json"))).toBe(true);
  });

  it("files that tell of the model hold its names, and show none of them raw", async () => {
    const compared = join(place.root, "compared");
    expect((await cli("compare", model, exported, "--card", card, "--images", photos, "--out", compared)).code).toBe(0);
    const record = JSON.parse(readFileSync(join(out, "record.json"), "utf8"));
    expect(record.layers.map((l: { name: string }) => l.name)).toEqual(renamed.layers.map((l) => l.name));
    const comparison = parseComparison(JSON.parse(readFileSync(join(compared, "compare.json"), "utf8")));
    expect(comparison.layers.map((l) => l.name)).toContain(MARKS);
    expect(comparison.outputs.map((l) => l.name).concat(comparison.layers.map((l) => l.tensor))).toContain("__proto__");
    for (const folder of [out, compared]) {
      for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => /\.(md|svg|json)$/.test(f))) {
        const text = readFileSync(join(folder, file), "utf8");
        expect(text.replaceAll("\n", ""), file).not.toMatch(UNSEEN);
        if (file.endsWith(".md")) {
          expect(text, file).not.toMatch(/<img|(?<!\\)\]\(javascript|(?<!\\)`c/);
          expect(text.length, file).toBeLessThan(200_000);
        }
      }
    }
    const report = readFileSync(join(out, "report.md"), "utf8");
    const cells = (line: string): number => line.replaceAll("\\|", "").split("|").length;
    for (const table of report.split("\n\n").filter((part) => part.startsWith("| "))) {
      expect(new Set(table.trim().split("\n").map(cells)).size).toBe(1);
    }
  });
});

describe("names that cannot be kept", () => {
  const bytes = exportOnnx(plainGraph);
  /** The file with a word replaced by other bytes of the same length. */
  const rewritten = (word: string, by: readonly number[]): Uint8Array => {
    const text = Buffer.from(bytes)
      .toString("latin1")
      .replaceAll(word, String.fromCharCode(...by));
    return new Uint8Array(Buffer.from(text, "latin1"));
  };

  it("that are not UTF-8 are replaced or refused in one line", () => {
    const file = rewritten("stemWeight", [0x73, 0xff, 0xfe, 0x80, 0xc0, 0xed, 0xa0, 0x80, 0x65, 0x65]);
    const names = [...importOnnx(file).parameters.keys()].join();
    expect(names).toContain("\uFFFD");
    // Two of them become one name.
    const two = Buffer.from(rewritten("stemWeight", [0xff, 0x62, 0x62, 0x62, 0x62, 0x62, 0x62, 0x62, 0x62, 0x62]));
    const both = new Uint8Array(Buffer.from(two.toString("latin1").replaceAll("heatWeight", `\u00fe${"b".repeat(9)}`), "latin1"));
    expect(() => importOnnx(both, { name: "a.onnx" })).toThrow(/^a\.onnx: every tensor must be written once, got [^\p{Cc}]*$/u);
  });

  it("that are too long for a message are cut in it", () => {
    const { nodes, ...parts } = plainGraph;
    const graph = new Graph({
      ...parts,
      parameters: plainGraph.parameters,
      nodes: nodes.map((n) => (n.name === "stem" ? { ...n, name: LONG } : n)),
    });
    const relu = Buffer.from(exportOnnx(graph)).toString("latin1").replaceAll("Conv", "Cone");
    const message = ((): string => {
      try {
        importOnnx(new Uint8Array(Buffer.from(relu, "latin1")), { name: "a.onnx" });
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    })();
    expect(message).toMatch(/^a\.onnx: every operator must be supported, got ai\.onnx\.Cone/);
    expect(message.length).toBeLessThan(2100);
  });
});
