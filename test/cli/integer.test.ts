import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());
const photo = `${place.photos}/0.png`;

beforeAll(async () => {
  const job = ["quantize", place.model, "--card", place.card, "--calibrate", place.photos, "--out", place.path("out")];
  const { code, out, err } = await cli(...job, "--gate=kept=0", "--no-check", "--integer", "--method", "minmax");
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(out).toMatch(/wrote .*tiny\.w8a8\.inlierq \(\d/);
});

describe("inlierq infer", () => {
  it("prints the same detections for the compact file and the export", async () => {
    const compact = await cli("infer", place.path("out/tiny.w8a8.inlierq"), photo, `${place.photos}/1.png`, "--json", "--threshold=0.1");
    const exported = await cli(
      "infer",
      place.path("out/tiny.w8a8.onnx"),
      photo,
      `${place.photos}/1.png`,
      "--json",
      "--threshold=0.1",
      "--card",
      place.card,
    );
    expect(compact.code).toBe(0);
    expect(compact.out).toBe(exported.out);
    const found = JSON.parse(compact.out) as { image: string; detections: { label: string; score: number; box: number[] }[] }[];
    expect(found.map((f) => f.image)).toEqual([photo, `${place.photos}/1.png`]);
    expect(found[0].detections.length).toBeGreaterThan(0);
    for (const { label, score, box } of found[0].detections) {
      expect(["a", "b"]).toContain(label);
      expect(score).toBeGreaterThanOrEqual(0.1);
      expect(box).toHaveLength(4);
    }
  });

  it("prints a table for people, and says where there is nothing", async () => {
    const file = place.path("out/tiny.w8a8.inlierq");
    expect((await cli("infer", file, photo, "--threshold=0.1")).out).toMatch(/^.*0\.png:\n {2}[ab] +0\.\d{3}( +-?\d+\.\d){4}\n/);
    expect((await cli("infer", file, photo, "--threshold=1")).out).toBe(`${photo}: nothing\n`);
  });

  it("refuses what it cannot read in one line", async () => {
    const bytes = readFileSync(place.path("out/tiny.w8a8.inlierq"));
    const cut = place.write("cut.inlierq", bytes.subarray(0, 900));
    const { code, err } = await cli("infer", cut, photo);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: readIntegerFile: cut\.inlierq must have \d+ bytes, got 900 \(was it cut short\?\)\n$/);
    expect(await cli("infer", place.path("out/tiny.w8a8.inlierq"), photo, "--threshold", "2")).toMatchObject({
      code: 2,
      err: 'error: --threshold: must be a number in [0, 1], got "2"\n',
    });
    expect((await cli("infer", place.path("out/tiny.w8a8.inlierq"))).err).toMatch(/FILE IMAGE\.\.\. must be given/);
  });
});

describe("inlierq bench", () => {
  it("times float and integer runs in turn, or float alone", async () => {
    const both = await cli("bench", place.path("out/tiny.w8a8.inlierq"), "--runs", "2", "--json");
    expect(both.code).toBe(0);
    const { times, quantized } = JSON.parse(both.out) as {
      times: { engine: string; medianMs: number; bestMs: number }[];
      quantized: object;
    };
    expect(times.map((t) => t.engine)).toEqual(["float", "integer"]);
    for (const { medianMs, bestMs } of times) expect(medianMs).toBeGreaterThanOrEqual(bestMs);
    expect(quantized).toEqual({ layers: 2, of: 4 });
    expect((await cli("bench", place.model, "--runs", "1")).out).toMatch(
      /^ +median ms +best ms\nfloat .*\n0 of 4 layers in integers, 1 runs each, in turn\n$/,
    );
  });
});
