import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { biasOnGrid } from "../../src/quant/bias.ts";
import { makeScheme, type QParams, quantizeBias, type SitePlan } from "../../src/quant/index.ts";
import { tensor } from "../../src/tensor/index.ts";
import { tinyDetector } from "./tiny.ts";

const [stem, depthwise] = tinyDetector(0).graph.layers;
const site = (scale: number[], axis: number | null): SitePlan => {
  const params: QParams = { scale: tensor(scale), zeroPoint: tensor(scale.map(() => 0)) };
  return { params, scheme: makeScheme({ bits: 8, axis }) };
};

describe("quantizeBias", () => {
  it("lies within half a step of scale_x * scale_w", () => {
    const real = fc.double({ min: -50, max: 50, noNaN: true });
    const scale = fc.double({ min: 1e-3, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(real, { minLength: 3, maxLength: 3 }), fc.array(scale, { minLength: 3, maxLength: 3 }), scale, (b, sw, sx) => {
        const bias = tensor(b);
        const onGrid = biasOnGrid(bias, stem, site([sx], null), site(sw, 0));
        const steps = quantizeBias(bias, stem, site([sx], null), site(sw, 0))?.scale ?? [];
        b.forEach((_, c) => expect(Math.abs(onGrid.data[c] - bias.data[c])).toBeLessThanOrEqual(0.5001 * steps[c] + 1e-5));
      }),
    );
  });

  it("uses the matching input channel's scale where activations have one per channel", () => {
    const found = quantizeBias(tensor([1, 1]), depthwise, site([0.5, 0.25], 1), site([0.1], null));
    expect([...(found?.codes ?? [])]).toEqual([20, 40]);
  });

  it("leaves a bias in float where a code would not fit int32", () => {
    expect(quantizeBias(tensor([1e6]), stem, site([1e-5], null), site([1e-5], null))).toBeUndefined();
  });
});
