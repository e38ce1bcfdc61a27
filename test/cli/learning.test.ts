import { afterAll, describe, expect, it } from "vitest";
import { learningLines } from "../../src/cli/learning.ts";
import { median, parseDuration } from "../../src/job/index.ts";
import type { UnitRecord } from "../../src/quant/index.ts";
import { cli, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const job = (out: string, ...more: string[]): string[] => [
  ...["quantize", place.model, "--card", place.card, "--calibrate", place.photos, "--out", place.path(out)],
  ...["--gate=kept=0", "--no-check", "--scheme", "W4A4", ...more],
];

/** A refused run: what it said, in one line. */
async function refusal(...words: string[]): Promise<string> {
  const { code, err } = await cli(...job("refused", ...words));
  expect([code, err.trimEnd().split("\n").length], err).toEqual([2, 1]);
  return err;
}

describe("quantize by a method that learns", () => {
  it("says what it will take and what it did", async () => {
    const { code, out } = await cli(...job("said", "--method", "adaround", "--set", "steps=10", "--set", "unit=layer"));
    expect(code).toBe(0);
    expect(out).toMatch(/; learning takes about \d+:\d\d min of it, [\d.]+ kB in memory and 0B on disk/);
    expect(out).toMatch(/\d of 2 units improved; mean held-out error [\d.]+ of nearest rounding/);
    expect(out).not.toContain("steps a unit");
  });

  it("reports progress of weighing and learning, with shares that only grow", async () => {
    const { code, out, err } = await cli(...job("progress", "--method", "brecq", "--set", "steps=10", "--set", "unit=layer", "--json"));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ learning: { units: 4 } });
    const events = err
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { stage?: string; fraction?: number });
    const stages = events.map((e) => e.stage);
    expect(stages).toContain("weigh");
    expect(stages).toContain("reconstruct");
    const fractions = events.flatMap((e) => e.fraction ?? []);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });

  it("keeps to a budget and says how many steps that were", async () => {
    const began = performance.now();
    const { code, out } = await cli(...job("budget", "--method", "qdrop", "--set", "unit=layer", "--budget", "1s"));
    expect(code).toBe(0);
    expect(out).toMatch(/steps a unit: least \d+, median \d+, most \d+/);
    expect(performance.now() - began).toBeLessThan(30_000);
  });

  it("takes options by --set, for the method that was chosen", async () => {
    const set = ["--set", "method=qdrop", "--set", "kept=0.25", "--set", "qdrop.unit=layer", "--set", "steps=2", "--set", "samples=2"];
    const { code, out } = await cli(...job("set", ...set, "--json"));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ method: "qdrop" });
  });

  it.each([
    [["--method", "qdrop", "--set", "kep=1"], '--set: keys must be known, got "kep"; did you mean "kept"?'],
    [["--set", "biasSample=1"], 'got "biasSample"; did you mean "biasSamples"?'],
    [["--method", "qdrop", "--set", "qdrop.kep=1"], 'got "qdrop.kep" (did you mean "kept"?)'],
    [["--method", "qdrop", "--set", "kept=2"], "qdrop.kept must fit the schema, got 2"],
    [["--method", "qdrop", "--set", "kept=half"], 'qdrop.kept must fit the schema, got "half"'],
    [["--set", "kept"], '--set: must be KEY=VALUE, got "kept"'],
    [["--method", "qdrop", "--budget", "soon"], '--budget: must be a time such as 90s, 10m or 1h, got "soon"'],
    [["--method", "qdrop", "--budget", "0s"], "--budget: must be a time"],
    [["--method", "qdrop", "--set", "budget=-1"], "--budget: must be a time"],
  ])("refuses %j", async (words, message) => {
    expect(await refusal(...words)).toContain(message);
  });
});

describe("what cannot be learned", () => {
  it.each([
    [["--method", "qdrop"], /unit: "block" must find blocks in the graph, got none/],
    [
      ["--method", "pdquant", "--set", "unit=layer", "--set", "distribution=true"],
      /distribution: a quantized unit must hold a batch normalisation, got a network where none does \(.*leave distribution off\)/,
    ],
    [["--method", "minmax", "--budget", "1s"], /budget: must come with a method that learns \(.*qdrop.*\), got minmax/],
  ])("is said before the work: %j", async (words, message) => {
    const { code, out, err } = await cli(...job("never", ...words));
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(message);
  });
});

it("durations", () => {
  expect(["90s", "10m", "1.5h", 20].map((text) => parseDuration(text, "budget"))).toEqual([90e3, 600e3, 5400e3, 20e3]);
  for (const text of ["", "10", "m", "-5s", "1e3s", "5 m", 0, Number.NaN])
    expect(() => parseDuration(text, "budget")).toThrow(/^budget: must be/);
});

it("the lines about units", () => {
  const unit = (steps: number, hard: number): UnitRecord => ({
    ...{ unit: "u", stage: "s", layers: ["l"], steps, start: 1, biases: 1, soft: hard, hard, kept: hard < 1 },
  });
  expect(learningLines([], true)).toEqual([]);
  expect(learningLines([unit(5, 0.5), unit(9, 1.5), unit(4, 0.6)], true)).toEqual([
    "2 of 3 units improved; mean held-out error 0.70 of nearest rounding",
    "steps a unit: least 4, median 5, most 9",
  ]);
  const even = [7, 5, 9, 4];
  expect(
    learningLines(
      even.map((steps) => unit(steps, 0.5)),
      true,
    ),
  ).toContain(`steps a unit: least 4, median ${median(even)}, most 9`);
  expect(median(even)).toBe(5);
});
