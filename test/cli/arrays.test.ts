import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { writeNpy, writeNpz } from "../../src/data/index.ts";
import type { CalibrationRecord } from "../../src/quant/index.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { tinySamples } from "../quant/tiny.ts";
import { cli, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

describe("inlierq quantize on arrays", () => {
  const inputs = Array.from({ length: 5 }, (_, i) => tinySamples(i, 1).input(0));
  const stack = new Tensor([5, 3, 16, 16], "f32", Float32Array.from(inputs.flatMap((x) => [...x.data])));
  const array = (...more: string[]): string[] => ["quantize", place.model, "--no-check", "--json", "--samples", "4", ...more];
  const recordIn = (out: string) => JSON.parse(readFileSync(place.path(`${out}/record.json`), "utf8")) as CalibrationRecord;

  it.each(["percentile", "entropy"])("takes one file with %s, and says so in the record", async (method) => {
    const file = place.write("inputs.npy", writeNpy(stack));
    const out = `stack-${method}`;
    const argv = array("--calibrate", file, "--card", place.card, "--method", method, "--out", place.path(out));
    expect((await cli(...argv)).code).toBe(0);
    expect(recordIn(out)).toMatchObject({ method, sampleKind: "tensors", detector: "tiny" });
    expect(recordIn(out).samples).toHaveLength(4);
    expect(recordIn(out).config[method]).toBeDefined();
    expect(readdirSync(place.path(out))).toContain("report.md");
  });

  it("takes folders, and gives the same file for the same samples", async () => {
    mkdirSync(place.path("npy"));
    mkdirSync(place.path("npz"));
    inputs.forEach((x, i) => {
      place.write(`npy/${i}.npy`, writeNpy(x));
      place.write(`npz/${i}.npz`, writeNpz(new Map([["input", x]])));
    });
    const paths = { npy: place.path("npy"), npz: place.path("npz"), file: place.path("inputs.npy") };
    const files: Buffer[] = [];
    for (const [kind, path] of Object.entries(paths)) {
      const { code } = await cli(...array("--calibrate", path, "--card", place.card, "--out", place.path(`same-${kind}`)));
      expect(code).toBe(0);
      files.push(readFileSync(place.path(`same-${kind}/tiny.w8a8.onnx`)));
    }
    expect(files[1].equals(files[0]) && files[2].equals(files[0])).toBe(true);
  });

  it("quantizes a network that no card describes, and writes its integer file", async () => {
    const bytes = Buffer.from(readFileSync(place.model).toString("latin1").replaceAll("heatmap", "numbers"), "latin1");
    const model = place.write("cardless.onnx", bytes);
    const argv = array("--calibrate", place.path("inputs.npy"), "--method", "mse", "--out", place.path("cardless"), "--integer");
    const done = await cli(...argv.map((word) => (word === place.model ? model : word)));
    expect(done.code).toBe(0);
    expect(JSON.parse(done.out)).toMatchObject({ detections: null, gate: { rule: "sqnr" } });
    expect(readFileSync(place.path("cardless/report.md"), "utf8")).toMatch(/detector card \| none/);
    const timed = await cli("bench", place.path("cardless/cardless.w8a8.inlierq"), "--runs", "1");
    expect(timed.code).toBe(0);
    const refused = await cli(...argv.map((word) => (word === place.model ? model : word === "mse" ? "inlierq" : word)), "--force");
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(
      /without a detector card \(give a card, or take minmax, percentile, mse, entropy, adaround, adaquant, brecq, qdrop, pdquant, subsetq\)/,
    );
  });

  it("wants pictures for annotations, and fitting arrays", async () => {
    const withTruth = await cli(
      ...array("--calibrate", place.path("npy"), "--card", place.card, "--out", place.path("no"), "--annotations", "a.json"),
    );
    expect([withTruth.code, withTruth.err]).toEqual([2, expect.stringContaining("--annotations: must come with pictures")]);
    const small = place.write("small.npy", writeNpy(new Tensor([2, 3], "f32", new Float32Array(6))));
    const bad = await cli(...array("--calibrate", small, "--card", place.card, "--out", place.path("no")));
    expect([bad.code, bad.err]).toEqual([
      1,
      expect.stringMatching(/small\.npy\[0\] array "input" must be f32\[1,3,16,16\] or without its leading 1, got f32\[3\]/),
    ]);
  });
});
