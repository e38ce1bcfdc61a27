import { describe, expect, test } from "vitest";
import { type FixedQuantizer, lawReports, nonUniformLaws } from "../../../src/laws/index.ts";

/** Sign and power of two: -1, -1/2, -1/4, 0, 1/4, 1/2, 1. */
const LEVELS = [-1, -0.5, -0.25, 0, 0.25, 0.5, 1];

/** The code of the level `distance` says is nearest; of two, the lower one on the right, the upper one on the left. */
const code = (v: number, distance: (a: number, b: number) => number): number => {
  const magnitudes = LEVELS.slice(3).map((level) => distance(level, Math.abs(v)));
  const best = magnitudes.indexOf(Math.min(...magnitudes));
  return 3 + (v < 0 ? -best : best);
};

const gap = (a: number, b: number): number => Math.abs(a - b);

function powers(name: string, distance = gap): Required<Pick<FixedQuantizer, "quantize" | "dequantize">> & FixedQuantizer {
  const quantize = (x: Float32Array): number[] => Array.from(x, (v) => code(v, distance));
  const dequantize = (codes: ArrayLike<number>): number[] => Array.from(codes, (q) => LEVELS[q]);
  const fakeQuant = (x: Float32Array): number[] => dequantize(quantize(x));
  return { name, qmin: 0, qmax: 6, reach: 1, quantize, dequantize, fakeQuant, promises: ["zero is a level", "odd", "nearest level"] };
}

const right = powers("right");

const WRONG: readonly (readonly [law: string, quantizer: FixedQuantizer])[] = [
  ["gives the nearest level", powers("nearest logarithm", (a, b) => Math.abs(Math.log2(a + 0.1) - Math.log2(b + 0.1)))],
  [
    "keeps zero exact",
    {
      ...right,
      name: "no zero",
      fakeQuant: (x) =>
        right.fakeQuant(
          x.map((v) => v || 0.25),
          [x.length],
        ),
    },
  ],
  [
    "commutes with negation but for ties",
    {
      ...right,
      name: "shifted",
      fakeQuant: (x) =>
        right.fakeQuant(
          x.map((v) => v + 0.1),
          [x.length],
        ),
    },
  ],
  ["gives nothing but its levels", { ...right, name: "between", fakeQuant: (x) => Array.from(x, (v) => (v > 0.7 ? 0.75 : 0)) }],
  ["gives every code a finite level", { ...right, name: "a code too many", qmax: 7 }],
];

describe("laws of quantizers on other grids", () => {
  test("hold for powers of two", () => {
    const reports = lawReports(right, nonUniformLaws);
    expect(reports.filter(({ outcome }) => outcome !== "holds").map(({ error, law }) => error?.message ?? law)).toEqual([]);
  });

  test.each(WRONG.map(([law, quantizer]) => ({ law, name: quantizer.name, quantizer })))("tell $name: $law", ({ law, quantizer }) => {
    const broken = lawReports(quantizer, nonUniformLaws, { seed: 1 }).filter(({ outcome }) => outcome === "broken");
    expect(broken.map((report) => report.law)).toContain(law);
  });

  test("let a quantizer give every tie to its lower level", () => {
    const lower = powers("lower of two");
    const code = (v: number): number => LEVELS.slice(1).filter((level, i) => v > (level + LEVELS[i]) / 2).length;
    const quantize = (x: Float32Array): number[] => Array.from(x, code);
    const fakeQuant = (x: Float32Array): number[] => quantize(x).map((q) => LEVELS[q]);
    expect(fakeQuant(Float32Array.of(-0.75, 0.75))).toEqual([-1, 0.5]);
    const reports = lawReports({ ...lower, quantize, fakeQuant }, nonUniformLaws, { runs: 1000 });
    expect(reports.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
  });

  test("hold nobody to what it does not promise", () => {
    const { promises: _, ...modest } = right;
    const skipped = lawReports(modest, nonUniformLaws).filter(({ outcome }) => outcome === "not applicable");
    expect(skipped.map(({ law }) => law)).toEqual(["gives the nearest level", "keeps zero exact", "commutes with negation but for ties"]);
  });
});
