import { describe, expect, test } from "vitest";
import { expectationMaximization, fitGmm, type GmmOptions } from "../../src/em/index.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Rng } from "../../src/tensor/index.ts";

/** `count` scores around `mean` with standard deviation `sd`, never negative. */
const cloud = (rng: Rng, count: number, mean: number, sd: number): number[] =>
  Array.from({ length: count }, () => Math.abs(mean + sd * rng.normal()));

function twoClouds(seed = 1): Float64Array {
  const rng = new Rng(seed);
  return Float64Array.from([...cloud(rng, 700, 1, 0.2), ...cloud(rng, 300, 6, 1)]);
}

describe("expectationMaximization", () => {
  test("follows the worked example", () => {
    const scores = Float64Array.of(0.1, 0.2, 0.3, 4, 5);
    const run = expectationMaximization(scores, { weights: [0.5, 0.5], means: [0.1, 5], variances: [1, 1] }, { iterations: 20 });
    const totals = run.logLikelihood.map((mean) => mean * scores.length);
    expect(totals[0]).toBeCloseTo(-8.58457, 5);
    expect(totals[1]).toBeCloseTo(-1.69971, 5);
    expect(run.steps[0].means[0]).toBeCloseTo(0.20105, 5);
    expect(run.steps[0].means[1]).toBeCloseTo(4.50013, 5);
    expect(run.finalLogLikelihood * scores.length).toBeCloseTo(-1.5575, 5);
    expect(run.final.variances[0]).toBeCloseTo(1 / 150, 8);
    expect(run.final.variances[1]).toBeCloseTo(0.25, 8);
    expect(run.final.weights[0]).toBeCloseTo(0.6, 8);
  });

  test("gives the far tail to a component: responsibilities have no epsilon in their denominator", () => {
    const scores = Float64Array.from([...Array.from({ length: 50 }, (_, i) => 1 + i / 100), 1e6]);
    const { final } = expectationMaximization(scores, { weights: [0.5, 0.5], means: [1, 1.4], variances: [0.01, 0.01] }, { iterations: 1 });
    expect(final.weights[0] + final.weights[1]).toBeCloseTo(1, 12);
  });

  test.each<[string, readonly number[]]>([
    ["a component on one score", [1, 1.1, 1.2, 1.3, 9]],
    ["equal scores", [3, 3, 3]],
    ["zeros", [0, 0]],
    ["the least scores", [1e-300, 2e-300, 3e-300]],
  ])("stays finite without a variance floor: %s", (_, values) => {
    const scores = Float64Array.from(values);
    const means = [scores[0], scores[scores.length - 1]] as const;
    const { final, finalLogLikelihood, logLikelihood } = expectationMaximization(
      scores,
      { weights: [0.5, 0.5], means, variances: [1, 1] },
      { iterations: 50 },
    );
    const seen = [finalLogLikelihood, ...logLikelihood, ...final.weights, ...final.means, ...final.variances];
    expect(seen.every(Number.isFinite)).toBe(true);
    expect(Math.min(...final.variances)).toBeGreaterThan(0);
  });

  test("refuses no scores and a start that is no mixture", () => {
    const start = { weights: [0.5, 0.5], means: [1, 2], variances: [1, 1] } as const;
    const run = (scores: number[], over: object) =>
      expectationMaximization(Float64Array.from(scores), { ...start, ...over }, { iterations: 1 });
    expect(() => run([], {})).toThrow("expectationMaximization: scores must hold at least 1 score, got 0");
    expect(() => run([1], { variances: [1, 0] })).toThrow("start.variances must be 2 finite numbers > 0, got 1 and 0");
    expect(() => run([1], { weights: [0, 0] })).toThrow("start.weights must be 2 finite numbers >= 0, not both 0, got 0 and 0");
  });
});

describe("fitGmm", () => {
  test("finds two clouds and cuts between them", () => {
    const { mixture, threshold, inlierShare, flags, trace } = fitGmm(twoClouds());
    expect(mixture?.means[0]).toBeCloseTo(1, 1);
    expect(mixture?.means[1]).toBeCloseTo(6, 0);
    expect(mixture?.sds[1]).toBeCloseTo(1, 0);
    expect(mixture?.weights[1]).toBeCloseTo(0.3, 2);
    expect(threshold).toBeGreaterThan(1.2);
    expect(threshold).toBeLessThan(5);
    expect(inlierShare).toBeCloseTo(0.3, 2);
    expect(flags).toEqual([]);
    expect(trace.length).toBeGreaterThan(2);
  });

  test.each(["raw", "sqrt", "log"] as const)("transform %s keeps the threshold in score units", (transform) => {
    const scores = twoClouds().map((h) => h * 1e-5);
    const fit = fitGmm(scores, { transform });
    expect(fit.threshold).toBeGreaterThan(1e-5);
    expect(fit.threshold).toBeLessThan(6e-5);
    expect(fit.posterior(fit.threshold)).toBeCloseTo(0.5, 6);
  });

  test("starts from a given mixture", () => {
    const start = { weights: [0.5, 0.5], means: [0.4, 2], variances: [0.1, 0.1] } as const;
    expect(fitGmm(twoClouds(), { init: start }).threshold).toBeCloseTo(fitGmm(twoClouds()).threshold, 3);
  });

  test("the guard keeps scores above a narrow inlier spike, the literal rule drops them", () => {
    const rng = new Rng(4);
    const scores = Float64Array.from([...cloud(rng, 900, 1, 0.8), ...cloud(rng, 300, 4, 0.05)]);
    const [guarded, literal] = [fitGmm(scores), fitGmm(scores, { monotone: false })];
    expect(literal.isInlier(4)).toBe(true);
    expect(literal.isInlier(6)).toBe(false);
    expect(literal.threshold).toBeNaN();
    expect(guarded.isInlier(6)).toBe(true);
  });

  test("subsamples more scores than it is allowed, and still judges all", () => {
    const scores = twoClouds();
    const [all, few] = [fitGmm(scores), fitGmm(scores, { maxScores: 200 })];
    expect(few.threshold).toBeCloseTo(all.threshold, 0);
    expect(few.inlierShare * 1000).toBeCloseTo(Math.round(few.inlierShare * 1000), 9);
  });
});

describe("degenerate populations", () => {
  const ramp = (count: number): number[] => Array.from({ length: count }, (_, i) => 1 + i / count);

  test.each<[string, number[], string]>([
    ["all zero", new Array<number>(100).fill(0), "no-gradient"],
    ["all equal", new Array<number>(100).fill(0.7), "degenerate-constant"],
    ["fewer than 32", ramp(31), "few-volumes"],
    ["fewer than 8 distinct", Array.from({ length: 100 }, (_, i) => 1 + (i % 7)), "few-values"],
    ["fewer than 32 above zero", [...ramp(31), ...new Array<number>(100).fill(0)], "few-volumes"],
  ])("%s: every score is an inlier", (_, scores, flag) => {
    const fit = fitGmm(Float64Array.from(scores));
    expect(fit.flags).toEqual([flag]);
    expect(fit.mixture).toBeUndefined();
    expect(fit.inlierShare).toBe(1);
    expect(fit.isInlier(0)).toBe(true);
  });

  test("zeros are left out below 90 % non-zero scores, and take part above", () => {
    const scores = Array.from(twoClouds());
    const withZeros = (zeros: number) => fitGmm(Float64Array.from([...scores, ...new Array<number>(zeros).fill(0)]));
    expect(withZeros(1000).flags).toEqual(["zeros-are-anomalies"]);
    expect(withZeros(1000).threshold).toBe(fitGmm(Float64Array.from(scores)).threshold);
    expect(withZeros(100).flags).toEqual([]);
  });

  test("a fit that is not finite is a collapse", () => {
    const fit = fitGmm(twoClouds(), { regCovar: Number.POSITIVE_INFINITY });
    expect(fit.flags).toEqual(["collapsed-start", "degenerate-collapse"]);
    expect(fit.inlierShare).toBe(1);
  });

  test("too few inliers: the threshold falls to the floor share", () => {
    const fit = fitGmm(twoClouds(), { tau: 1, floorShare: 0.02 });
    expect(fit.flags).toContain("floor-share");
    expect(fit.inlierShare).toBeCloseTo(0.02, 12);
    expect(fitGmm(twoClouds(), { tau: 1, floorShare: 0.001 }).inlierShare).toBeCloseTo(0.016, 12);
    expect(fitGmm(twoClouds(), { tau: 1, floorShare: 0 }).inlierShare).toBe(0);
  });
});

describe("refusals", () => {
  const scores = twoClouds();
  test.each<[string, Float64Array, GmmOptions, RegExp]>([
    ["no scores", new Float64Array(0), {}, /needs at least 1 score, got 0/],
    ["NaN", Float64Array.of(1, Number.NaN), {}, /got NaN \(score 1 of 2\)/],
    ["infinity", Float64Array.of(Number.POSITIVE_INFINITY), {}, /got Infinity/],
    ["negative", Float64Array.of(-1), {}, />= 0, got -1/],
    ["tau", scores, { tau: Number.NaN }, /tau must be a number/],
    ["floor share", scores, { floorShare: 2 }, /floorShare must lie in \[0, 1\], got 2/],
    ["floor count", scores, { floorCount: 1.5 }, /floorCount must be a whole number >= 0, got 1.5/],
    ["tolerance", scores, { tolerance: Number.NaN }, /tolerance must be >= 0, got NaN/],
    [
      "start means",
      scores,
      { init: { weights: [0.5, 0.5], means: [1, Number.NaN], variances: [1, 1] } },
      /init.means must be .*got 1 and NaN/,
    ],
    [
      "start variances",
      scores,
      { init: { weights: [0.5, 0.5], means: [1, 2], variances: [-1, 1] } },
      /init.variances must be .*got -1 and 1/,
    ],
    ["iterations", scores, { iterations: 0 }, /iterations must be/],
    ["transform", scores, { transform: "cube" as "raw" }, /transform must be raw, sqrt or log, got cube/],
  ])("%s", (_, values, options, message) => {
    expect(() => fitGmm(values, options)).toThrow(ArgumentError);
    expect(() => fitGmm(values, options)).toThrow(message);
  });
});
