import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kernelPolicy } from "../../src/tensor/index.ts";
import { VERSION } from "../../src/version.ts";
import { cli, type Outcome, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const job = (out: string, ...more: string[]): string[] => [
  "quantize",
  place.model,
  "--card",
  place.card,
  "--calibrate",
  place.photos,
  "--out",
  place.path(out),
  "--gate=kept=0",
  ...more,
];

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name).slice(folder.length + 1))
    .sort();

/** What a first run wrote, which other tests read. */
let first: Outcome;
beforeAll(async () => {
  first = await cli(...job("first", "--check"));
});

describe("inlierq quantize", () => {
  it("writes the model, the record, the times and the report", () => {
    const { code, out, err } = first;
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toMatch(/% of MACs quantized/);
    expect(out).toMatch(/check: onnxruntime-web on 3 pictures/);
    const files = filesBelow(place.path("first"));
    expect(files).toEqual(expect.arrayContaining(["record.json", "report.md", "timing.json", "tiny.w8a8.onnx"]));
    const record = JSON.parse(readFileSync(place.path("first/record.json"), "utf8")) as { samples: string[]; seed: number };
    expect(record.samples).toEqual(["0.png", "1.png", "2.png"]);
  });

  it("gives the same bytes for the same seed, but for the times", async () => {
    await cli(...job("again", "--no-check"));
    const names = filesBelow(place.path("again"));
    expect(names).toEqual(filesBelow(place.path("first")));
    for (const name of names.filter((n) => n !== "timing.json")) {
      expect(readFileSync(place.path(`again/${name}`)).equals(readFileSync(place.path(`first/${name}`))), name).toBe(true);
    }
  });

  it("overwrites nothing without --force", async () => {
    cpSync(place.path("first"), place.path("kept"), { recursive: true });
    const before = readFileSync(place.path("kept/record.json"));
    const refused = await cli(...job("kept", "--no-check", "--seed", "3"));
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/must not exist yet \(--force replaces it\)/);
    expect(readFileSync(place.path("kept/record.json")).equals(before)).toBe(true);
    const forced = await cli(...job("kept", "--no-check", "--seed", "3", "--force"));
    expect(forced.code).toBe(0);
    expect(JSON.parse(readFileSync(place.path("kept/record.json"), "utf8"))).toMatchObject({ seed: 3 });
  });

  it("prints one JSON value on stdout and JSON lines on stderr", async () => {
    const { code, out, err } = await cli(...job("json", "--no-check", "--json"));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ file: "tiny.w8a8.onnx", scheme: "W8A8", check: null });
    const events = err
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; fraction?: number });
    expect(events.some((e) => e.event === "note")).toBe(true);
    const fractions = events.flatMap((e) => (e.fraction === undefined ? [] : [e.fraction]));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1);
  });

  it("reads a configuration and lets flags win", async () => {
    const config = place.write("config.json", JSON.stringify({ scheme: "W6A6", samples: 2, seed: 9, method: "minmax" }));
    const { code, out } = await cli(...job("configured", "--no-check", "--json", "--config", config, "--seed", "4"));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ scheme: "W6A6", seed: 4, method: "minmax" });
  });

  it("ends with 3 and a hint below the gate, with everything written", async () => {
    const card = JSON.parse(readFileSync(place.card, "utf8")) as object;
    const low = place.write("low.json", JSON.stringify({ ...card, visibleThreshold: 0.01, nmsIou: 0.99, maxDetections: 50 }));
    const argv = job("gated", "--no-check", "--scheme", "W2A2", "--gate", "kept=1").map((word) => (word === place.card ? low : word));
    const { code, err } = await cli(...argv);
    expect(code).toBe(3);
    expect(err).toMatch(/^gate: .*needed 100\.0 %; try /);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(filesBelow(place.path("gated"))).toContain("tiny.w2a2.onnx");
  });
});

describe("inlierq eval", () => {
  it("prints a column a model", async () => {
    const images = [0, 1, 2].map((id) => ({ id, file_name: `${id}.png`, width: 48, height: 48 }));
    const annotations = [{ id: 1, image_id: 0, category_id: 1, bbox: [4, 4, 20, 20], area: 400, iscrowd: 0 }];
    const coco = place.write("coco.json", JSON.stringify({ images, annotations, categories: [{ id: 1, name: "a" }] }));
    const quantized = place.path("first/tiny.w8a8.onnx");
    const { code, out } = await cli("eval", place.model, quantized, "--card", place.card, "--images", place.photos, "--annotations", coco);
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toMatch(/tiny\.onnx +tiny\.w8a8\.onnx/);
    expect(lines).toHaveLength(14);
  });
});

describe("inlierq", () => {
  it("inspects a model, also one that no preset matches", async () => {
    const { code, out } = await cli("inspect", place.model);
    expect(code).toBe(0);
    expect(out).toMatch(/conv2d 4/);
    const other = place.write(
      "other.onnx",
      Buffer.from(readFileSync(place.model).toString("latin1").replaceAll("heatmap", "numbers"), "latin1"),
    );
    const unmatched = await cli("inspect", other);
    expect(unmatched.code).toBe(0);
    expect(unmatched.out).toMatch(/"format": "centernet"/);
  });

  it.each(["inspect", "quantize", "eval", "compare", "demo"])("%s --help shows options and an example", async (name) => {
    const { code, out } = await cli(name, "--help");
    expect(code).toBe(0);
    expect(out).toMatch(/usage: inlierq/);
    expect(out).toMatch(/examples:/);
  });

  it("leaves the policy of kernels as it was where a command fails", async () => {
    const before = kernelPolicy();
    const { code } = await cli("bench", place.path("none.onnx"), "--kernels", before === "reference" ? "auto" : "reference");
    expect([code, kernelPolicy()]).toEqual([2, before]);
  });

  it("says its version, which is the package's", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string };
    expect(VERSION).toBe(version);
    expect((await cli("--version")).out).toBe(`${version}\n`);
  });
});
