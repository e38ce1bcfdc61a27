import { describe, expect, it } from "vitest";
import pkg from "../../package.json" with { type: "json" };
import { judge, parseGate } from "../../src/job/gate.ts";
import { parseConfig } from "../../src/job/index.ts";
import { VERSION } from "../../src/version.ts";

describe("parseConfig", () => {
  it("takes every documented key", () => {
    const config = { scheme: "W4A8", method: "inlierq", inlierq: { topK: 20, tau: 0.4, adam: { steps: 5 } }, exclude: ["a*"] };
    expect(parseConfig(config)).toEqual(config);
  });

  it.each([
    [{ shceme: "W8A8" }, 'config: keys must be known, got "shceme" (did you mean "scheme"?)'],
    [{ inlierq: { tuo: 1 } }, 'config: keys must be known, got "inlierq.tuo" (did you mean "tau"?)'],
    [{ inlierq: { adam: { step: 1 } } }, 'config: keys must be known, got "inlierq.adam.step" (did you mean "steps"?)'],
    [{ samples: 0 }, "config: samples must fit the schema, got 0"],
  ])("refuses %j", (config, message) => {
    expect(() => parseConfig(config)).toThrow(message);
  });
});

describe("gates", () => {
  it("read and judge", () => {
    expect(parseGate("kept=0.9")).toEqual({ rule: "kept", limit: 0.9 });
    expect(parseGate("ap50=-1.0")).toEqual({ rule: "ap50", limit: -1 });
    expect(judge(parseGate("kept=0.9"), 0.95, 8, 8).passed).toBe(true);
    expect(judge(parseGate("ap50=-1.0"), -2, 4, 4)).toMatchObject({ passed: false, message: expect.stringContaining("try W4A8") });
  });

  it.each(["kept", "kept=2", "ap=1", "kept=0.9.1"])("refuse %s", (text) => {
    expect(() => parseGate(text)).toThrow(/^parseGate: /);
  });
});

it("the version is the package's", () => {
  expect(VERSION).toBe(pkg.version);
});
