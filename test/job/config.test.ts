import { describe, expect, it } from "vitest";
import pkg from "../../package.json" with { type: "json" };
import { adviceFor, judge, parseGate } from "../../src/job/gate.ts";
import { parseConfig, quantizeConfig } from "../../src/job/index.ts";
import { VERSION } from "../../src/version.ts";

/** A configuration with every key. */
const EVERYTHING = {
  scheme: "W4A8",
  method: "inlierq",
  policy: "regptq",
  samples: 32,
  seed: -7,
  gate: "kept=0.9",
  exclude: ["a*"],
  firstLayerBits: 6,
  bits: [
    { pattern: "neck*", by: "layer", weightBits: 6, activationBits: 8 },
    { pattern: "x", float: true },
  ],
  promote: 0.25,
  promoteBits: 7,
  weightMapping: "symmetricHalf",
  perChannelDepthwise: false,
  reduceRange: true,
  fusible: true,
  biasCorrection: false,
  biasSamples: 8,
  budget: "10m",
  equalize: ["cross-layer", "absorb-bias", "smooth", "power-of-two", "low-rank"],
  inlierq: {
    topK: 20,
    topKMode: "joint",
    separator: "svm",
    maxScores: 5000,
    transform: "log",
    tau: 0.4,
    monotone: false,
    floorShare: 0.1,
    iterations: 50,
    tolerance: 1e-4,
    varianceFloor: 1e-6,
    objective: "self",
    fisherTargets: "expected",
    minScore: 0.01,
    peaks: true,
    selection: "random",
    fisher: "rank1",
    rho: 0.2,
    lambdaInlier: 2,
    lambdaAnomaly: 0.5,
    refine: "adam",
    refineThrough: "rounded",
    adam: { steps: 5, scaleRate: 0.01, zeroPointRate: 0.1 },
    rows: 512,
    rowFloats: 65_536,
    weights: "adaround",
    learn: { steps: 5, unit: "block", errors: "inliers" },
  },
  minmax: {},
  mse: { p: 2 },
  percentile: { percentile: 99.9, symmetric: true, retain: 0, bins: 1024 },
  entropy: { bins: 512, steps: 64 },
  adaround: { unit: "layer", rate: 0.1 },
  adaquant: { steps: 10 },
  brecq: { objective: "mse" },
  qdrop: { kept: 0.25 },
  pdquant: { temperature: 2 },
  lidarptq: { gamma: 0.2 },
  subsetq: {},
  regptq: {},
} as const;

describe("parseConfig", () => {
  it("takes every key", () => {
    expect(Object.keys(EVERYTHING).sort()).toEqual(Object.keys(quantizeConfig.shape).sort());
    expect(Object.keys(EVERYTHING.inlierq).sort()).toEqual(Object.keys(quantizeConfig.shape.inlierq.unwrap().shape).sort());
    expect(parseConfig(EVERYTHING)).toEqual(EVERYTHING);
    for (const [key, value] of Object.entries(EVERYTHING)) expect(parseConfig({ [key]: value })).toEqual({ [key]: value });
  });

  it.each([
    [{ shceme: "W8A8" }, 'config: keys must be known, got "shceme" (did you mean "scheme"?)'],
    [{ inlierq: { tuo: 1 } }, 'config: keys must be known, got "inlierq.tuo" (did you mean "tau"?)'],
    [{ inlierq: { adam: { step: 1 } } }, 'config: keys must be known, got "inlierq.adam.step" (did you mean "steps"?)'],
    [{ percentile: { percentle: 99 } }, 'config: keys must be known, got "percentile.percentle" (did you mean "percentile"?)'],
    [{ bits: [{ patern: "a" }] }, 'config: keys must be known, got "bits.0.patern" (did you mean "pattern"?)'],
    [{ samples: 0 }, "config: samples must fit the schema, got 0"],
  ])("refuses %j", (config, message) => {
    expect(() => parseConfig(config)).toThrow(message);
  });
});

describe("gates", () => {
  it("read and judge", () => {
    expect(parseGate("kept=0.9")).toEqual({ rule: "kept", limit: 0.9 });
    expect(parseGate("ap50=-1.0")).toEqual({ rule: "ap50", limit: -1 });
    expect(judge(parseGate("kept=0.9"), 0.95, "").passed).toBe(true);
    expect(judge(parseGate("ap50=-1.0"), -2, "try more")).toMatchObject({ passed: false, message: expect.stringMatching(/; try more$/) });
  });

  const out = "to leave the layers with the lowest SQNR in the report out (--exclude)";
  it.each([
    [8, 8, false, false, `try ${out} or to calibrate on pictures like those in use`],
    [4, 8, false, false, `try weights that are learned (--method adaround), W8A8 or ${out}`],
    [4, 8, true, false, `try W8A8 or ${out}`],
    [
      4,
      4,
      false,
      false,
      `try weights that are learned (--method adaround), 8 bits for the tensors that do most damage (--promote 0.25), W4A8 or ${out}`,
    ],
    [4, 4, true, true, `try W4A8 or ${out}`],
  ])("advise on W%iA%i, learned %s, promoted %s", (weightBits, activationBits, learns, promotes, advice) => {
    expect(adviceFor({ weightBits, activationBits, learns, promotes })).toBe(advice);
  });

  it.each(["kept", "kept=2", "ap=1", "kept=0.9.1"])("refuse %s", (text) => {
    expect(() => parseGate(text)).toThrow(/^parseGate: /);
  });
});

it("the version is the package's", () => {
  expect(VERSION).toBe(pkg.version);
});
