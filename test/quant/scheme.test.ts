import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseQParams, formatScheme, makeScheme, parseScheme, type Range, type Scheme } from "../../src/quant/scheme.ts";

const range = (min: readonly number[], max: readonly number[]): Range => ({ min: Float64Array.from(min), max: Float64Array.from(max) });

function choose(min: number[], max: number[], scheme: Scheme, options = {}) {
  const { params, flags } = chooseQParams(range(min, max), scheme, options);
  return { scale: Array.from(params.scale.data), zeroPoint: Array.from(params.zeroPoint.data), flags };
}

describe("makeScheme", () => {
  test.each([
    [{ bits: 8 }, 0, 255],
    [{ bits: 4, signed: true }, -8, 7],
    [{ bits: 4, signed: true, mapping: "symmetricNarrow" as const }, -7, 7],
    [{ bits: 4, mapping: "symmetricNarrow" as const }, 1, 15],
    [{ bits: 2, signed: true, mapping: "symmetricHalf" as const }, -2, 1],
  ])("%j has codes %i to %i", (options, qmin, qmax) => {
    expect(makeScheme(options)).toMatchObject({ qmin, qmax, axis: null });
  });

  test("refuses bits and axes outside their domain", () => {
    for (const bits of [0, 9, 2.5, Number.NaN])
      expect(() => makeScheme({ bits })).toThrow(`makeScheme: bits must be an integer in 2..8, got ${bits}`);
    expect(() => makeScheme({ bits: 1, mapping: "symmetricNarrow" })).toThrow("one narrow bit has a single level");
    expect(() => makeScheme({ bits: 8, axis: -1 })).toThrow("makeScheme: axis must be null or an integer >= 0, got -1");
  });
});

describe("parseScheme", () => {
  test("formatScheme is its inverse", () =>
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 2, max: 8 }), (weightBits, activationBits) => {
        expect(parseScheme(formatScheme({ weightBits, activationBits }))).toEqual({ weightBits, activationBits });
      }),
    ));

  test.each(["W4", "W1A8", "W9A9", "A8W8", "W8A8 ", "", "W16A16"])("refuses %j", (text) => {
    expect(() => parseScheme(text)).toThrow(`parseScheme: expected "W<bits>A<bits>" with bits 2..8, got "${text}"`);
  });
});

describe("chooseQParams", () => {
  test("worked example: [-1, 2] at 4 bits has scale 0.2 and zero point 5", () => {
    expect(choose([-1], [2], makeScheme({ bits: 4 }))).toEqual({ scale: [Math.fround(0.2)], zeroPoint: [5], flags: [] });
  });

  test("widens one-sided ranges to zero", () => {
    expect(choose([3], [7.5], makeScheme({ bits: 4 }))).toEqual({ scale: [0.5], zeroPoint: [0], flags: [] });
    expect(choose([-7.5], [-3], makeScheme({ bits: 4 }))).toEqual({ scale: [0.5], zeroPoint: [15], flags: [] });
  });

  test("symmetric variants of [-2, 2] at 4 bits", () => {
    const at = (mapping: Scheme["mapping"], signed: boolean) => choose([-2], [2], makeScheme({ bits: 4, mapping, signed }));
    expect(at("symmetricNarrow", true)).toMatchObject({ scale: [Math.fround(2 / 7)], zeroPoint: [0] });
    expect(at("symmetricNarrow", false)).toMatchObject({ scale: [Math.fround(2 / 7)], zeroPoint: [8] });
    expect(at("symmetricHalf", true)).toMatchObject({ scale: [Math.fround(2 / 7.5)], zeroPoint: [0] });
    expect(at("symmetricHalf", false)).toMatchObject({ scale: [Math.fround(2 / 7.5)], zeroPoint: [7] });
  });

  test("a range of nothing has scale 1 and is flagged", () => {
    for (const tiny of [0, 1e-40]) {
      expect(choose([0], [tiny], makeScheme({ bits: 8 }))).toEqual({ scale: [1], zeroPoint: [0], flags: ["degenerate"] });
    }
    expect(choose([0], [0], makeScheme({ bits: 8, mapping: "symmetricNarrow" }))).toMatchObject({ scale: [1], zeroPoint: [128] });
  });

  test("dead channels are raised to a share of the widest and counted", () => {
    const scheme = makeScheme({ bits: 8, mapping: "symmetricNarrow", signed: true, axis: 0 });
    const { scale, flags } = choose([-1.27, 0, -1e-9], [0.5, 0, 0], scheme, { deadShare: 0.01 });
    expect(scale[0]).toBe(Math.fround(0.01));
    expect(scale[1]).toBeCloseTo((1.77 * 0.01) / 127, 9);
    expect(scale[2]).toBe(scale[1]);
    expect(flags).toEqual(["dead-channels 2/3"]);
  });

  test("torch's floor of the scale is an option", () => {
    expect(choose([0], [0], makeScheme({ bits: 8, signed: true }), { eps: 2 ** -23 })).toEqual({
      scale: [2 ** -23],
      zeroPoint: [-128],
      flags: [],
    });
  });

  test("refuses ranges that are none", () => {
    const scheme = makeScheme({ bits: 8 });
    expect(() => choose([1], [0], scheme)).toThrow("chooseQParams: range must be finite with min <= max, got [1, 0] (entry 0)");
    expect(() => choose([0, Number.NaN], [1, 1], scheme)).toThrow("got [NaN, 1] (entry 1)");
    expect(() => choose([], [], scheme)).toThrow("at least one, got 0 and 0");
  });
});
