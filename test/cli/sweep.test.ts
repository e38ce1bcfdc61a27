import { existsSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import type { SweepRecord } from "../../src/quant/index.ts";
import { cli, type Outcome, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const images = [0, 1, 2].map((id) => ({ id, file_name: `${id}.png`, width: 48, height: 48 }));
const boxes = [{ id: 1, image_id: 0, category_id: 1, bbox: [4, 4, 20, 20], area: 400, iscrowd: 0 }];
const coco = place.write("coco.json", JSON.stringify({ images, annotations: boxes, categories: [{ id: 1, name: "a" }] }));

const scored = ["--images", place.photos, "--annotations", coco];
const shared = [place.model, "--card", place.card, "--calibrate", place.photos, ...scored, "--jobs", "1"];
const sweep = (...more: string[]): Promise<Outcome> => cli("sweep", ...shared, ...more);

describe("inlierq sweep", () => {
  it("prints one table, keeps runs, and goes on with them", async () => {
    const out = place.path("swept");
    const words = ["--methods", "mse,minmax", "--schemes", "w8a8,W4A4", "--seeds", "0..1", "--out", out];
    const { code, out: text, err } = await sweep(...words);
    expect(code).toBe(0);
    expect(err).toMatch(/^7 runs; 1 at once \(\d+ cores?, \d+\.\d GB of free memory, 1\.2 GB a run\)\n$/);
    const lines = text.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ +bits +AP50 +AP +kept +score error +seconds +steps +bytes/);
    expect(lines.slice(1, 6).map((line) => line.split(/ +/)[1])).toEqual(["-", "W8A8", "W8A8", "W4A4", "W4A4"]);
    expect(text).toMatch(/^mse +W4A4 +[\d.]+ ± [\d.]+ /m);
    expect(text).toMatch(/^minmax +W4A4 +[\d.]+ +[\d.]+ +[\d.]+ % +[\d.e-]+ +[\d.]+ +- +\d+$/m);
    const record = JSON.parse(readFileSync(`${out}/sweep.json`, "utf8")) as SweepRecord;
    expect(record.rows).toHaveLength(5);
    const page = readFileSync(`${out}/sweep.md`, "utf8");
    for (const { label, scheme } of record.rows) expect(page).toMatch(new RegExp(`^\\| ${label} \\| ${scheme || "-"} \\|`, "m"));

    const again = await sweep(...words, "--resume", "--json");
    expect(again.code).toBe(0);
    expect(again.err).toContain("7 runs, 7 of them kept from before");
    expect(JSON.parse(again.out)).toEqual(record);
    const refused = await sweep(...words);
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/must not hold a sweep yet/)]);
    const other = await sweep(...words, "--resume", "--samples", "2");
    expect([other.code, other.err]).toEqual([2, expect.stringMatching(/got other number of samples \(another --out keeps both/)]);
  });

  it("does the others where one fails, says why, and ends with 1", async () => {
    const config = place.write("config.json", JSON.stringify({ brecq: { unit: "block" } }));
    const { code, out } = await sweep("--methods", "brecq,minmax", "--schemes", "W8A8", "--config", config);
    expect(code).toBe(1);
    expect(out).toMatch(/^minmax +W8A8 +[\d.]+ /m);
    expect(out).toMatch(/^brecq +W8A8 .*seed 0 failed: .*blocks?/m);
    expect(out).toMatch(/^1 run failed$/m);
    expect(existsSync(place.path("runs"))).toBe(false);
  });

  it.each([
    [["--methods", "minmax,inlirq"], /--methods: must be inlierq, minmax, .*, got "inlirq"; did you mean inlierq\?/],
    [["--schemes", "W8A8,W44"], /parseScheme: .*got "W44"/],
    [["--schemes", "W9A4"], /parseScheme: /],
    [["--seeds", "2..0"], /--seeds: must be a range A\.\.B or a list A,B,C .*got "2\.\.0"/],
    [["--jobs", "0"], /--jobs: must be a whole number of at least 1, got "0"/],
    [["--budget", "fast"], /--budget: must be a time such as 90s, 10m or 1h, got "fast"/],
    [["--promote", "2"], /--promote: must be a number in/],
    [["--resume"], /--resume: must come with --out DIR, got none/],
    [["--images", "nowhere"], /nowhere/],
  ] as [string[], RegExp][])("refuses %j in one line", async (words, pattern) => {
    const { code, out, err } = await sweep("--methods", "minmax", "--schemes", "W8A8", ...words);
    expect(err).toMatch(pattern);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect([code, out]).toEqual([2, ""]);
  });
});
