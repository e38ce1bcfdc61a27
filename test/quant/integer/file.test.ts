import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, InlierqError } from "../../../src/errors.ts";
import type { Graph } from "../../../src/graph/index.ts";
import { exportOnnx, importOnnx, weightGrids } from "../../../src/onnx/index.ts";
import { inferInteger, type Plan, planFromGraph, prepareInteger, readIntegerFile, writeIntegerFile } from "../../../src/quant/index.ts";
import { readContainer, writeContainer } from "../../../src/quant/integer/file/container.ts";
import { type Tensor, tensor } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { tinyDetector, tinySamples } from "../tiny.ts";
import { drawNetwork } from "./networks.ts";
import { planOf } from "./plans.ts";

const x = tinySamples(1, 1).input(0);
const { graph, card } = tinyDetector(0);
const plan = planOf(graph, x, { weightBits: 4 }, (l) => l.name !== "size");
const file = writeIntegerFile({ graph, plan, card, metadata: { scheme: "W4A8" } });

const outputs = (g: Graph, p: Plan, input: Tensor): Record<string, number[]> =>
  Object.fromEntries(Object.entries(inferInteger(prepareInteger(g, p), input)).map(([name, y]) => [name, [...y.data]]));

/** What a reader says of bytes that are no model. */
function refusal(bytes: Uint8Array): string {
  try {
    readIntegerFile(bytes, "model.inlierq");
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  return "accepted";
}

describe("an integer file", () => {
  it("gives a model back that computes the same bits", () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const draw = drawWith(g, "f32");
        const drawn = drawNetwork(draw, false);
        const drawnPlan = planOf(drawn.graph, drawn.x, { weightBits: draw.int(2, 8), activationBits: draw.int(2, 8), signed: draw.bool() });
        const bytes = writeIntegerFile({ graph: drawn.graph, plan: drawnPlan });
        const read = readIntegerFile(bytes);
        expect(outputs(read.graph, read.plan, drawn.x)).toEqual(outputs(drawn.graph, drawnPlan, drawn.x));
        expect(writeIntegerFile(read)).toEqual(bytes);
      }),
    );
  });

  it("keeps card, metadata and corrected biases", () => {
    const bias = tensor([1, 2, 3, 4, 5, 6]);
    const read = readIntegerFile(
      writeIntegerFile({ graph, plan: { ...plan, biases: new Map([["stem", bias]]) }, card, metadata: { a: "b" } }),
    );
    expect([read.card, read.metadata]).toEqual([card, { a: "b" }]);
    expect(read.graph.parameters.get("stemBias")?.data).toEqual(bias.data);
    expect(read.plan.biases.size).toBe(0);
  });

  it("takes the true width of the codes", () => {
    const size = (weightBits: number): number => writeIntegerFile({ graph, plan: planOf(graph, x, { weightBits }) }).length;
    const weights = graph.layers.reduce((sum, l) => sum + (graph.parameters.get(l.weight)?.size ?? 0), 0);
    const saved = size(8) - size(4);
    expect(saved).toBeGreaterThan(weights / 2 - 16 * graph.layers.length);
    expect(saved).toBeLessThan(weights / 2 + 16 * graph.layers.length);
  });

  it("is refused in one line when it is cut short, longer or damaged anywhere", () => {
    for (let length = 0; length < file.length; length += 7)
      expect(refusal(file.slice(0, length))).toMatch(/^readIntegerFile: model\.inlierq must .*, got [^\n]*$/);
    expect(refusal(Uint8Array.from([...file, 0]))).toMatch(/must have \d+ bytes, got \d+$/);
    for (let at = 0; at < file.length; at += 11) {
      const damaged = file.slice();
      damaged[at] ^= 1 << (at % 8);
      expect(refusal(damaged), `byte ${at}`).toMatch(/^readIntegerFile: model\.inlierq must [^\n]*$/);
    }
  });
});

describe("a hostile header with a right checksum", () => {
  const { header, body } = readContainer(file, "file");
  type Json = Record<string, unknown>;
  type Parts = {
    graph: { nodes: Json[]; inputs: Json[] };
    parameters: Json[];
    plan: { layers: string[]; activations: [string, Json][]; weights: [string, Json][] };
  } & Json;
  const with_ = (change: (parts: Parts) => void): Uint8Array => {
    const parts = JSON.parse(header) as Parts;
    change(parts);
    return writeContainer(JSON.stringify(parts), body);
  };

  it.each<[string, Uint8Array, RegExp]>([
    ["no JSON", writeContainer("{", body), /the header must be JSON/],
    ["another kind", with_((p) => Object.assign(p, { kind: "other" })), /must fit its schema, got kind/],
    ["an unknown op", with_((p) => Object.assign(p.graph.nodes[0], { op: "evil" })), /must run a known op, got "evil"/],
    ["an op from the prototype", with_((p) => Object.assign(p.graph.nodes[0], { op: "constructor" })), /must run a known op/],
    ["attributes that miss", with_((p) => Object.assign(p.graph.nodes[0], { attrs: {} })), /must be sound/],
    [
      "a stride of 0",
      with_((p) => Object.assign(p.graph.nodes[0].attrs as Json, { stride: [0, 1] })),
      /2 whole numbers >= 1 as its stride, got \[0,1\]/,
    ],
    ["a blob outside", with_((p) => Object.assign(p.parameters[0].codes as Json, { offset: 1e9 })), /must lie within/],
    ["a blob of another size", with_((p) => Object.assign(p.parameters[0].codes as Json, { bytes: 3 })), /must take 81 bytes, got 3/],
    ["a giant shape", with_((p) => Object.assign(p.parameters[0], { shape: [1e6, 1e6] })), /must have at most \d+ elements/],
    ["a giant input", with_((p) => Object.assign(p.graph.inputs[0], { shape: [1, 3, 1e6, 1e6] })), /must have at most \d+ elements/],
    [
      "codes beyond their bits",
      with_((p) => Object.assign(p.plan.activations[0][1], { qmax: 300 })),
      /must have codes of 8 bits, got \[0, 300\]/,
    ],
    ["a grid of nothing", with_((p) => Object.assign(p.plan.activations[0], ["nowhere"])), /must belong to a tensor/],
    ["a layer of nothing", with_((p) => p.plan.layers.push("nowhere")), /must be a layer of the graph, got "nowhere"/],
    ["too many scales", with_((p) => Object.assign(p.plan.activations[0][1], { axis: 2 })), /must have \d+ scales/],
  ])("%s is refused in one line", (_, bytes, reason) => {
    const message = refusal(bytes);
    expect(message).toMatch(/^readIntegerFile: model\.inlierq must [^\n]*$/);
    expect(message).toMatch(reason);
  });
});

describe("a header with something else in one place", () => {
  const { header, body } = readContainer(file, "file");
  const junk = fc.constantFrom<unknown>(null, -1, 0, 1, 2.5, 1e9, 1e300, "", "x", "images", [], [0], [1, 1], {}, { $number: "NaN" }, true);

  /** Every path of a JSON value, as keys. */
  const pathsOf = (value: unknown, path: string[] = []): string[][] =>
    typeof value === "object" && value !== null
      ? [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
      : [path];
  const paths = pathsOf(JSON.parse(header)).filter((p) => p.length > 0);

  it("is refused in one line, or is a model that runs or says why not", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.nat({ max: paths.length - 1 }), junk, (index, value) => {
        const parts = JSON.parse(header) as Record<string, unknown>;
        const path = paths[index];
        const owner = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, parts);
        owner[path[path.length - 1]] = value;
        const bytes = writeContainer(JSON.stringify(parts), body);
        const message = refusal(bytes);
        if (message !== "accepted") {
          refused++;
          expect(message).toMatch(/^readIntegerFile: model\.inlierq must [^\n]*$/);
          return;
        }
        const read = readIntegerFile(bytes, "model");
        try {
          inferInteger(prepareInteger(read.graph, read.plan), x);
        } catch (error) {
          expect(error).toBeInstanceOf(InlierqError);
        }
      }),
      { numRuns: 8 * (fc.readConfigureGlobal().numRuns ?? 100) },
    );
    expect(refused).toBeGreaterThan(20);
  });
});

describe("planFromGraph", () => {
  it.each([
    { weightBits: 8, activationBits: 8, fusible: false },
    { weightBits: 4, activationBits: 8, fusible: true },
    { weightBits: 8, activationBits: 6, fusible: false },
    { weightBits: 3, activationBits: 4, fusible: true },
  ])("undoes the export of W$weightBits A$activationBits to the bit", ({ fusible, ...bits }) => {
    const own = planOf(graph, x, bits, (l) => l.name !== "heat");
    const bytes = exportOnnx(graph, own, { fusible });
    const found = planFromGraph(importOnnx(bytes), weightGrids(bytes, "model.onnx"));
    expect([...found.plan.layers].sort()).toEqual([...own.layers].sort());
    for (const [name, site] of own.activations) expect(found.plan.activations.get(name)?.scheme.qmax).toBe(site.scheme.qmax);
    expect(outputs(found.graph, found.plan, x)).toEqual(outputs(graph, own, x));
  });

  it("leaves a float file as it is", () => {
    const bytes = exportOnnx(graph);
    const found = planFromGraph(importOnnx(bytes), weightGrids(bytes, "model.onnx"));
    expect(found.plan.layers.size).toBe(0);
    expect(outputs(found.graph, found.plan, x)).toEqual(
      Object.fromEntries(Object.entries(graph.forward(x)).map(([k, y]) => [k, [...y.data]])),
    );
  });
});
