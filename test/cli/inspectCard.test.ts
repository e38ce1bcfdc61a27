import { existsSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { parseCard } from "../../src/detect/index.ts";
import { cli, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

/** The tiny detector under output names no preset knows, and under those it knows. */
const nameless = place.write(
  "other.onnx",
  Buffer.from(readFileSync(place.model).toString("latin1").replaceAll("heatmap", "numbers").replaceAll("size", "what"), "latin1"),
);

describe("inlierq inspect --card", () => {
  it("prints the whole card of a detector that a preset knows, and nothing else", async () => {
    const { code, out, err } = await cli("inspect", place.model, "--card");
    expect([code, err]).toEqual([0, ""]);
    expect(parseCard(JSON.parse(out)).outputs).toEqual({ heatmap: "heatmap", size: "size" });
  });

  it("prints a card with gaps that names the tensors there are, and lists the gaps", async () => {
    const { code, out, err } = await cli("inspect", nameless, "--card");
    expect(code).toBe(0);
    const card = JSON.parse(out) as { outputs: Record<string, string>; head: string[] };
    expect(card.outputs.heatmap).toMatch(
      /^\? map of class scores \[N,classes,h,w\]; tensors: numbers \[N,2,8,8\], what \[N,2,8,8\], .*\[1,6,8,8\]/,
    );
    expect(err).toMatch(/^no preset matches this graph; check the card and replace every "\?": input.color, .*outputs.heatmap/);
    const refused = await cli(
      "quantize",
      nameless,
      "--card",
      place.write("gaps.json", out),
      "--calibrate",
      place.photos,
      "--out",
      place.out,
    );
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/every "\?" must be filled in, got one in input.color \(and .*\)\n$/);
    expect(refused.err.trimEnd()).not.toMatch(/\n/);
  });

  it("writes a file, and replaces none without --force", async () => {
    const file = place.path("new.json");
    expect((await cli("inspect", place.model, "--card", "--out", file)).out).toBe(`wrote ${file}\n`);
    expect(parseCard(JSON.parse(readFileSync(file, "utf8"))).format).toBe("centernet");
    const again = await cli("inspect", place.model, "--card", "--out", file);
    expect([again.code, again.err]).toEqual([2, expect.stringMatching(/must not exist yet \(--force replaces it\)/)]);
    expect((await cli("inspect", place.model, "--card", "--out", file, "--force")).code).toBe(0);
  });

  it("takes --out for a card only", async () => {
    const { code, err } = await cli("inspect", place.model, "--out", place.path("x.json"));
    expect([code, err]).toEqual([2, expect.stringMatching(/--out: must come with --card/)]);
    expect(existsSync(place.path("x.json"))).toBe(false);
  });
});
