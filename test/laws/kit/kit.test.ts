import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kmeans1d } from "../../../src/em/index.ts";
import { StateError } from "../../../src/errors.ts";
import {
  checkLaws,
  defineLaw,
  LawError,
  lawReports,
  perChannelLaws,
  quantizerLaws,
  separatorLaws,
  uniformLaws,
} from "../../../src/laws/index.ts";
import { plain, WRONG, WRONG_ANYHOW } from "./wrong.ts";

const caught = (act: () => void): LawError => {
  try {
    act();
  } catch (error) {
    if (error instanceof LawError) return error;
    throw error;
  }
  throw new Error("a law must be broken, all hold");
};

const named = <Q extends { readonly name: string }>(rows: readonly (readonly [law: string, quantizer: Q])[]) =>
  rows.map(([law, quantizer]) => ({ law, name: quantizer.name, quantizer }));

describe("laws of quantizers", () => {
  test.each([
    plain("right"),
    plain("right per channel", { scale: [0.25, 0.1], zeroPoint: [6, 3], axis: 1 }),
    plain("right with an odd scale", { scale: [Math.fround(0.1)], zeroPoint: [15] }),
  ])("hold for one that is $name", (quantizer) => {
    const reports = lawReports(quantizer, [...uniformLaws, ...perChannelLaws]);
    expect(reports.filter(({ outcome }) => outcome === "broken").map(({ error }) => error?.message)).toEqual([]);
    expect(reports.filter(({ outcome }) => outcome === "holds").length).toBeGreaterThanOrEqual(16);
  });

  test.each(named(WRONG))("tell what is $name: $law", ({ law, quantizer }) => {
    const error = caught(() => checkLaws(quantizer, uniformLaws, { seed: 1 }));
    expect([error.law, error.op]).toEqual([law, quantizer.name]);
  });

  test.each(named(WRONG_ANYHOW))("tell what is $name: $law", ({ law, quantizer }) => {
    const broken = lawReports(quantizer, quantizerLaws, { seed: 1 }).filter(({ outcome }) => outcome === "broken");
    expect(broken.map((report) => report.law)).toContain(law);
  });

  test("a wrong axis is seen without knowing the scales", () => {
    const wrong = WRONG.find(([, { name }]) => name === "wrong axis")?.[1];
    if (!wrong) throw new Error("the list must hold a wrong axis");
    const { scale: _, zeroPoint: __, ...blind } = wrong;
    const broken = lawReports({ ...blind, channels: 2 }, perChannelLaws, { seed: 1 }).find(({ outcome }) => outcome === "broken");
    expect(broken?.law).toBe("does not care where in its channel a value stands");
  });
});

describe("a broken law", () => {
  const halfUp = plain("half up", { round: (v) => Math.floor(v + 0.5) });

  test("says the law, what must hold, what was got, the smallest input and the seed, in one line", () => {
    const error = caught(() => checkLaws(halfUp, uniformLaws, { seed: 7 }));
    expect(error.message).toBe(
      'half up: "rounds ties to even": fakeQuant(x), half a step above 0, must be 0, an even number of steps, got 0.25 ' +
        "(x = 0.125, scale = 0.25, zeroPoint = 6, seed 7)",
    );
    expect(error.counterexample).toEqual({ x: 0.125, scale: 0.25, zeroPoint: 6 });
    expect(error.source).toContain("IEEE 754");
  });

  test("is found again by its seed", () => {
    const first = caught(() => checkLaws(halfUp, uniformLaws));
    expect(caught(() => checkLaws(halfUp, uniformLaws, { seed: first.seed })).message).toBe(first.message);
  });

  test("is reported beside those that hold", () => {
    const reports = lawReports(halfUp, uniformLaws, { seed: 7, runs: 40 });
    expect(reports.filter(({ outcome }) => outcome === "broken").map(({ law }) => law)).toEqual(["rounds ties to even"]);
    expect(reports.filter(({ outcome }) => outcome === "holds").every(({ runs }) => runs === 40 || runs === 1)).toBe(true);
  });

  test("may be one that throws", () => {
    const thrower = plain("thrower", {
      round: () => {
        throw new RangeError("no rounding today");
      },
    });
    expect(caught(() => checkLaws(thrower, uniformLaws, { seed: 1 })).message).toContain(
      "must not throw, got RangeError: no rounding today",
    );
  });

  test("is told from one that applies to no input, or to too few", () => {
    const picky = (fit: number) => {
      let drawn = 0;
      return defineLaw<{ name: string }, number>({
        ...{ name: "is picky", source: "none", inputs: () => fc.nat() },
        violation() {
          fc.pre(drawn++ < fit);
          return undefined;
        },
      });
    };
    const any = { name: "any" };
    expect(() => checkLaws(any, [picky(0)], { seed: 1 })).toThrow(StateError);
    expect(() => checkLaws(any, [picky(2)], { seed: 1, runs: 4 })).toThrow(
      new StateError("any", '"is picky" needs more inputs it applies to, got 2 (of 403 drawn, seed 1)'),
    );
  });
});

describe("laws of separators", () => {
  test("tell a separator whose threshold is no share of the scores", () => {
    const right = kmeans1d();
    const absolute = { name: "absolute", fit: (scores: Float64Array) => ({ ...right.fit(scores), isInlier: (h: number) => h > 0.01 }) };
    const broken = lawReports(absolute, separatorLaws, { seed: 1 }).filter(({ outcome }) => outcome === "broken");
    expect(broken.map(({ law }) => law)).toContain("gives the same mask for a loss multiplied by a power of two");
  });
});
