import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../../src/data/index.ts";
import { integerFileOf, quantize } from "../../src/job/index.ts";
import { demoModel, demoScenes } from "../../src/node/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { parseComparison } from "../../src/quant/index.ts";
import { cli, type Outcome, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const { graph, card } = demoModel();
const scenes = demoScenes("held-out", 6).slice(2);
mkdirSync(place.path("scenes"));
for (const { name, picture } of scenes) place.write(`scenes/${name}.png`, encodePng(picture));
const float = place.write("demo.onnx", exportOnnx(graph));
const demoCard = place.write("demo.json", JSON.stringify(card));
const job = (other: string, ...more: string[]): Promise<Outcome> =>
  cli("compare", float, other, "--card", demoCard, "--images", place.path("scenes"), ...more);

let quantized: string;
let integer: string;
beforeAll(async () => {
  const options = { card, scheme: "W4A4", method: "minmax", name: "demo" } as const;
  const result = await quantize(graph, { ...options, samples: demoScenes("calibrate", 4), gate: "kept=0" });
  quantized = place.write("demo.w4a4.onnx", result.onnx);
  integer = place.write("demo.w4a4.inlierq", integerFileOf(result));
});

describe("inlierq compare", () => {
  it("prints the worst layers and the detections, and writes the account", async () => {
    const { code, out, err } = await job(quantized, "--top", "3", "--out", place.path("compared"));
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toMatch(/^demo\.w4a4 against demo: \d+ layers matched by name, 4 pictures\n/);
    const record = parseComparison(JSON.parse(readFileSync(place.path("compared/compare.json"), "utf8")));
    const dB = record.layers.map((l) => l.isolated.sqnr ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
    const rows = [...out.matchAll(/^\S+ +conv2d +(\S+)/gm)].map((m) => m[1]);
    expect(rows).toEqual(dB.slice(0, 3).map((v) => v.toFixed(1)));
    expect(out).toContain(`... ${record.layers.length - 3} more`);
    const { kept, lost, new: added, model, pictures } = record.detections;
    expect(out).toContain(`${kept} of ${model} detections kept`);
    expect(pictures.map((p) => p.name)).toEqual(record.samples);
    expect(lost + added).toBeGreaterThan(0);
    expect(readdirSync(place.path("compared")).sort()).toEqual(["compare.json", "compare.md", "pictures"]);
    expect(readdirSync(place.path("compared/pictures"))).toHaveLength(5);
    const text = readFileSync(place.path("compared/compare.md"), "utf8");
    expect(text).toContain(`| detections | ${kept} of ${model} kept`);
  });

  it("replaces nothing without --force", async () => {
    const refused = await job(quantized, "--out", place.path("compared"));
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/compare\.json must not exist yet \(--force replaces it\)/);
    const forced = await job(quantized, "--out", place.path("compared"), "--force");
    expect(forced.code).toBe(0);
  });

  it("finds nothing between a model and itself", async () => {
    const { code, out } = await job(float, "--gate", "kept=1");
    expect(code).toBe(0);
    expect([...out.matchAll(/^\S+ +conv2d +inf +1\.00000 +0 +inf +1\.00000 +0$/gm)].length).toBeGreaterThan(5);
    expect(out).toMatch(/\(100\.0 %\), 0 lost, 0 new/);
    expect(out).toMatch(/gate passed/);
  });

  it("ends with 3 below the gate", async () => {
    const { code, out, err } = await job(quantized, "--gate", "kept=1");
    expect(code).toBe(3);
    expect(err).toMatch(/^gate: .*needed 100\.0 %; look at the layers with the lowest isolated SQNR\n$/);
    expect(out).toMatch(/detections kept/);
  });

  it("prints JSON, the same for the export and the integer file but for names", async () => {
    const [a, b] = [await job(quantized, "--json", "--samples", "2"), await job(integer, "--json", "--samples", "2")];
    const [first, second] = [a, b].map(({ out }) => parseComparison(JSON.parse(out)));
    expect(first.samples).toHaveLength(2);
    expect(second.detections).toEqual(first.detections);
    expect(second.layers.map((l) => l.isolated)).toEqual(first.layers.map((l) => l.isolated));
    const events = a.err
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; fraction: number });
    expect(events.at(-1)).toMatchObject({ event: "progress", fraction: 1 });
  });

  it("takes the card out of an integer file", async () => {
    const { code } = await cli("compare", float, integer, "--images", place.path("scenes"), "--samples", "1");
    expect(code).toBe(0);
  });
});
