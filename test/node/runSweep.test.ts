import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AbortError } from "../../src/errors.ts";
import { runSweep, type SweepOptions } from "../../src/node/index.ts";
import type { SweepRow } from "../../src/quant/index.ts";
import { workplace } from "../cli/bench.ts";

const place = workplace();
afterAll(() => place.clear());

const images = [0, 1, 2].map((id) => ({ id, file_name: `${id}.png`, width: 48, height: 48 }));
const boxes = [{ id: 1, image_id: 0, category_id: 1, bbox: [4, 4, 20, 20], area: 400, iscrowd: 0 }];
const categories = [{ id: 1, name: "a" }];
const annotations = place.write("coco.json", JSON.stringify({ images, annotations: boxes, categories }));
const card = { ...(JSON.parse(readFileSync(place.card, "utf8")) as object), visibleThreshold: 0.02 };

const nodeFlags = ["--import", join(import.meta.dirname, "../../scripts/typescript.mjs")];
const inputs = { model: place.model, card, calibrate: place.photos, images: place.photos, annotations };
const quick = { qdrop: { steps: 6, unit: "layer" as const } };
const list = { methods: ["minmax", "qdrop", "inlierq"], schemes: ["W8A8", "W4A4"], seeds: [0, 1], options: quick };
const options: SweepOptions = { ...inputs, lists: [list], jobs: 1 };
/** Rows without what the clock says. */
const still = (rows: readonly SweepRow[]): unknown => rows.map(({ seconds: _, ...row }) => row);

const whole = runSweep(options);

describe("runSweep", () => {
  it("has a row a method and scheme, float first, the best of each scheme first", async () => {
    const { record, results } = await whole;
    const { rows } = record;
    expect(rows[0]).toMatchObject({
      label: "float",
      scheme: "",
      kept: { mean: 1, deviation: null },
      scoreError: { mean: 0 },
      seconds: null,
    });
    expect(rows.map((r) => r.scheme)).toEqual(["", "W8A8", "W8A8", "W8A8", "W4A4", "W4A4", "W4A4"]);
    for (const scheme of list.schemes) {
      const own = rows.filter((r) => r.scheme === scheme);
      expect(own.map((r) => r.method).sort()).toEqual([...list.methods].sort());
      const best = own.map((r) => r.AP50?.mean ?? -2);
      expect(best).toEqual([...best].sort((a, b) => b - a));
    }
    const of = (method: string): SweepRow => rows.find((r) => r.method === method && r.scheme === "W4A4") as SweepRow;
    expect(of("minmax")).toMatchObject({ seeds: [0], steps: null, failures: [] });
    expect(of("qdrop")).toMatchObject({ seeds: [0, 1], steps: 6, failures: [] });
    expect(of("qdrop").AP50?.deviation).not.toBeNull();
    expect(of("minmax").scoreError?.mean).toBeGreaterThan(0);
    expect(of("minmax").bytes).toBeGreaterThan(0);
    expect(results.size).toBe(1 + 2 * (1 + 2 + 2));
  });

  it("gives the same rows from workers, which tell their progress", { timeout: 120_000 }, async () => {
    const fractions: number[] = [];
    const { record } = await runSweep({
      ...options,
      jobs: 2,
      nodeFlags,
      onProgress: ({ fraction }) => fractions.push(fraction),
    });
    expect(still(record.rows)).toEqual(still((await whole).record.rows));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1);
  });

  it("goes on after an abort to the same rows, and does no run twice", async () => {
    const out = place.path("aborted");
    const abort = new AbortController();
    const first: string[] = [];
    const stop = (id: string): void => {
      first.push(id);
      if (first.length === 4) abort.abort();
    };
    const stopped = runSweep({ ...options, out, signal: abort.signal, onRun: ({ id }) => stop(id) });
    await expect(stopped).rejects.toBeInstanceOf(AbortError);
    expect(readdirSync(`${out}/runs`).sort()).toEqual(first.map((id) => `${id}.json`).sort());
    await expect(runSweep({ ...options, out })).rejects.toThrow(/must not hold a sweep yet/);
    const second: string[] = [];
    const { record } = await runSweep({ ...options, out, resume: true, onRun: ({ id }) => second.push(id) });
    expect(second.filter((id) => first.includes(id))).toEqual([]);
    expect(still(record.rows)).toEqual(still((await whole).record.rows));
    const again = await runSweep({ ...options, out, resume: true });
    expect(again.record).toEqual(record);
  });

  it("goes on with more combinations, and refuses changed inputs by name", async () => {
    const out = place.path("changed");
    const small = { ...options, out, lists: [{ ...list, methods: ["minmax"] }] };
    await runSweep(small);
    const more = await runSweep({
      ...small,
      resume: true,
      lists: [{ ...list, methods: ["minmax", "mse"], schemes: ["W8A8"], options: { qdrop: { steps: 7 } } }],
    });
    expect(more.record.rows.map((r) => r.label)).toEqual(expect.arrayContaining(["float", "minmax", "mse"]));
    const other = { ...small, resume: true, card: { ...card, scoreThreshold: 0.015 }, samples: 2 };
    await expect(runSweep(other)).rejects.toThrow(/inputs\.json must be of the same inputs, got other card, number of samples \(/);
    const lists = [{ ...list, methods: ["minmax"], options: { biasCorrection: false } }];
    await expect(runSweep({ ...small, resume: true, lists })).rejects.toThrow(
      /s0\.json must be a run with the same options, got other .*biasCorrection/,
    );
    const forced = await runSweep({ ...small, lists, force: true });
    expect(forced.results.size).toBe(3);
    rmSync(out, { recursive: true });
  });

  it("takes no runs of which nobody knows what they are of, and replaces no table unasked", async () => {
    const out = place.path("orphaned");
    const small = { ...options, out, lists: [{ ...list, methods: ["minmax"] }] };
    await runSweep(small);
    rmSync(`${out}/inputs.json`);
    await expect(runSweep(small)).rejects.toThrow(/must not hold a sweep yet/);
    await expect(runSweep({ ...small, resume: true })).rejects.toThrow(/runs must come with .*inputs\.json, which says what they are of/);
    const table = place.path("table");
    mkdirSync(table);
    writeFileSync(`${table}/sweep.md`, "mine");
    await expect(runSweep({ ...small, out: table })).rejects.toThrow(/sweep\.md must not exist yet/);
    expect(readFileSync(`${table}/sweep.md`, "utf8")).toBe("mine");
  });

  it.each([1, 2])("says why a combination failed and does the others, with %i at once", { timeout: 120_000 }, async (jobs) => {
    const lists = [
      { methods: ["minmax", "brecq"], schemes: ["W8A8"], seeds: [0] },
      { methods: ["minmax"], schemes: ["W8A8"], seeds: [0], options: { exclude: ["nothing*"] }, label: "excluding nothing" },
    ];
    const { record } = await runSweep({ ...options, lists, jobs, nodeFlags });
    const { rows } = record;
    expect(rows.map((r) => r.failures.length)).toEqual([0, 0, 1, 1]);
    expect(rows[1].label).toBe("minmax");
    expect(rows.find((r) => r.label === "minmax, excluding nothing")?.failures[0].message).toMatch(/nothing\*/);
    expect(rows.find((r) => r.label === "brecq")).toMatchObject({ AP50: null, kept: null, bytes: null, seeds: [] });
  });

  it("gives a budget of time to what learns", async () => {
    const lists = [{ methods: ["minmax", "qdrop"], schemes: ["W8A8"], seeds: [0], options: quick }];
    const { record } = await runSweep({ ...options, lists, budget: 0.3 });
    expect(record.budget).toBe("0.3s");
    expect(record.rows.flatMap((r) => r.failures)).toEqual([]);
    expect(record.rows.find((r) => r.method === "qdrop")?.steps).toBeGreaterThan(0);
    await expect(runSweep({ ...options, lists, budget: "soon" })).rejects.toThrow(/budget: must be a time such as 90s/);
  });

  it.each([
    [{ methods: ["minmx"] }, /sweep: methods must be known, got "minmx" \(did you mean "minmax"\?\)/],
    [{ schemes: ["W44"] }, /parseScheme: .*"W44"/],
    [{ seeds: [] }, /sweep: seeds must have at least 1 entry, got 0/],
  ])("refuses %j", async (wrong, message) => {
    await expect(runSweep({ ...options, lists: [{ ...list, ...wrong }] })).rejects.toThrow(message);
  });

  it("refuses two lists that nothing tells apart", async () => {
    const lists = [list, { ...list, options: { biasCorrection: false } }];
    await expect(runSweep({ ...options, lists })).rejects.toThrow(/lists with other options must have a label of their own/);
  });
});
