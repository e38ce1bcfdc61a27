import { describe, expect, it } from "vitest";
import { assign } from "../../src/quant/index.ts";
import { tinyDetector } from "./tiny.ts";

const { graph } = tinyDetector(0);
const base = { weightBits: 4, activationBits: 4, keep: ["heat", "size"] };

describe("assign", () => {
  it("keeps the first layer at 8 bits and gives depthwise inputs one scale per channel", () => {
    const { sites, weights } = assign(graph, base);
    expect(sites.get("input")?.scheme).toMatchObject({ bits: 8, axis: null });
    expect(sites.get("relu_1")?.scheme).toMatchObject({ bits: 4, axis: 1 });
    expect(weights.get("stemWeight")?.bits).toBe(8);
    expect(weights.get("depthwiseWeight")).toMatchObject({ bits: 4, mapping: "affine", axis: 0 });
  });

  it("shares one site between the layers that read a tensor", () => {
    const { sites } = assign(graph, { ...base, keep: [] });
    expect(sites.get("relu_3")?.readers.map((l) => l.name)).toEqual(["heat", "size"]);
  });

  it("can keep one scale per tensor, and codes weights in 7 bits for kernels that saturate", () => {
    const { sites, weights } = assign(graph, { ...base, weightBits: 8, activationBits: 8, perChannelDepthwise: false, reduceRange: true });
    expect(sites.get("relu_1")?.scheme.axis).toBeNull();
    expect(weights.get("depthwiseWeight")).toMatchObject({ bits: 7 });
  });

  it("leaves out what the user excludes, by name or pattern", () => {
    expect(assign(graph, { ...base, exclude: ["st*"] }).layers.map((l) => l.name)).toEqual(["depthwise"]);
  });

  it("refuses patterns that match nothing and plans with nothing left", () => {
    expect(() => assign(graph, { ...base, exclude: ["neck*"] })).toThrow(/^exclude: every pattern must match a layer, got "neck\*"/);
    expect(() => assign(graph, { ...base, exclude: ["*"] })).toThrow(/^assign: at least 1 layer must be left to quantize, got 0 of 4/);
  });
});
