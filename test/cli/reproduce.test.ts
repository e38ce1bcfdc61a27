import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TOY_FILES } from "../../src/report/index.ts";
import { cli, workplace } from "./bench.ts";

const root = mkdtempSync(join(tmpdir(), "inlierq-reproduce-"));
afterAll(() => rmSync(root, { recursive: true }));

describe("inlierq reproduce", () => {
  it.each([
    [["reproduce"], /STUDY must be given, got nothing/],
    [["reproduce", "tay"], /studies are toy, controls, got "tay"; did you mean toy\?/],
    [["reproduce", "toy", "--seeds", "4..0"], /--seeds: must be a range A\.\.B or a list .* got "4\.\.0"/],
    [["reproduce", "toy", "--seeds", "1,1"], /distinct/],
    [["reproduce", "toy", "--seeds", "0..100"], /1 to 100/],
    [["reproduce", "toy", "--seeds", "1.5"], /whole numbers/],
    [["reproduce", "toy", "--seeds=-1"], /got "-1"/],
    [["reproduce", "toy", "--seed", "1"], /did you mean --seeds\?/],
    [["reproduce", "toy", "net.onnx"], /toy must stand alone, got "net.onnx"/],
    [["reproduce", "toy", "--scheme", "W4A4"], /toy must come without --scheme/],
    [["reproduce", "controls"], /controls must have a model, got none/],
    [["reproduce", "controls", "net.onnx"], /got no --calibrate DIR/],
    [["reproduce", "controls", "net.onnx", "--calibrate", ".", "--scheme", "W1A1"], /bits 2\.\.8, got "W1A1"/],
  ])("%j is wrong use", async (argv, message) => {
    const { code, out, err } = await cli(...argv);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  it("does not begin where a file of an earlier run is in the way", async () => {
    for (const name of [TOY_FILES[0], TOY_FILES[1], "toy.json"]) {
      const out = mkdtempSync(join(root, "in-the-way-"));
      mkdirSync(join(out, "toy"));
      writeFileSync(join(out, name), "kept");
      const { code, err } = await cli("reproduce", "toy", "--out", out);
      expect([code, err]).toEqual([2, expect.stringContaining("must not exist yet (--force replaces it)")]);
    }
  });

  it("runs the study of controls on a model", async () => {
    const place = workplace();
    const out = place.path("controls");
    const job = ["reproduce", "controls", place.model, "--card", place.card, "--calibrate", place.photos, "--out", out];
    const { code, out: text, err } = await cli(...job, "--seeds", "0,4", "--samples", "2");
    expect([code, err]).toEqual([0, ""]);
    expect(text).toMatch(/^tiny at W4A4, mean of 2 seeds\n/);
    expect(text).toMatch(/^random +[\d.e-]+ /m);
    expect(text).toMatch(/^Score error: selecting inliers .* \(gain .*, 2 seeds\)\.$/m);
    expect(readdirSync(out).sort()).toEqual(["controls.json", "controls.md"]);
    place.clear();
  });

  it("prints no AP50 where there was nothing to find", async () => {
    const place = workplace();
    const out = place.path("controls");
    const images = [{ id: 1, file_name: "0.png", width: 48, height: 48 }];
    const categories = ["a", "b"].map((name, id) => ({ id, name }));
    const annotations = place.write("none.json", JSON.stringify({ images, categories, annotations: [] }));
    const job = ["reproduce", "controls", place.model, "--card", place.card, "--calibrate", place.photos, "--out", out];
    const more = ["--images", place.photos, "--annotations", annotations, "--seeds", "0", "--samples", "1"];
    const { code, out: text, err } = await cli(...job, ...more);
    expect([code, err]).toEqual([0, ""]);
    expect(text).toMatch(/^random( +[\d.e-]+){2} +- +[\d.]+ % /m);
    const page = readFileSync(join(out, "controls.md"), "utf8");
    expect(page).toContain("AP50 of the float network: -.");
    expect(page).toMatch(/^\| random \|[^|]*\| [\d.e-]+ \| [\d.e-]+ \| - \| [\d.]+ % \|/m);
    for (const shown of [text, page]) expect(shown).not.toMatch(/-100|^\**AP50: /m);
    place.clear();
  });

  it("has a help page with examples", async () => {
    const { code, out } = await cli("reproduce", "--help");
    expect(code).toBe(0);
    expect(out).toMatch(/usage: inlierq reproduce STUDY \[MODEL\] \[options\]/);
    expect(out).toMatch(/inlierq reproduce toy --seeds 0\.\.9/);
    expect(readdirSync(root).filter((name) => !name.startsWith("in-the-way"))).toEqual([]);
  });
});
