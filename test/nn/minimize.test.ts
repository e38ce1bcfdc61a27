import { describe, expect, it } from "vitest";
import { AbortError } from "../../src/errors.ts";
import { adam, descend, minimize, mseLoss, type Parameters, sgd } from "../../src/nn/index.ts";
import { item, log, mul, square, sub, sum, type Tensor, tensor } from "../../src/tensor/index.ts";

const target = tensor([1, -2, 0.5]);
const start: Parameters = new Map([
  ["p", tensor([5, 5, 5])],
  ["unused", tensor([7])],
]);
const distance = (params: Parameters): Tensor => mseLoss(params.get("p")!, target);

describe("minimize", () => {
  it("finds the minimum and leaves parameters the loss does not use", () => {
    const { params, losses } = minimize(distance, start, { optimizer: adam(), lr: 0.1, steps: 300 });
    [...params.get("p")!.data].forEach((v, i) => expect(v).toBeCloseTo(target.data[i], 2));
    expect(params.get("unused")).toBe(start.get("unused"));
    expect(losses).toHaveLength(300);
    expect([...start.get("p")!.data]).toEqual([5, 5, 5]);
  });

  it("reports every step with the parameters after it", () => {
    const seen: number[] = [];
    const { losses, params } = minimize(distance, start, { optimizer: sgd(), lr: (s) => 0.1 / (s + 1), steps: 3 }, (step) => {
      seen.push(step.loss);
      expect(step.lr).toBe(0.1 / (step.step + 1));
      if (step.step === 2) expect(step.params.get("p")!.data).not.toEqual(start.get("p")!.data);
    });
    expect(seen).toEqual(losses);
    expect(item(distance(params))).toBeLessThan(losses[2]);
  });

  it("keeps the best and never ends above its start", () => {
    const { params, loss, losses } = minimize(distance, start, { optimizer: sgd(), lr: 10, steps: 5, keepBest: true });
    expect(losses[4]).toBeGreaterThan(losses[0]);
    expect(loss).toBe(losses[0]);
    expect(params).toBe(start);
    const better = minimize(distance, start, { optimizer: sgd(), lr: 0.1, steps: 5, keepBest: true });
    expect(item(distance(better.params))).toBe(better.loss);
    expect(better.loss).toBeLessThan(better.losses[4]);
  });

  it("ends before a loss that is not finite", () => {
    const fragile = (params: Parameters) => sum(log(sub(params.get("p")!, 4.9)));
    const { params, losses } = minimize(fragile, start, { optimizer: sgd(), lr: 1, steps: 9, keepBest: true });
    expect(losses).toHaveLength(2);
    expect(losses[1]).toBeNaN();
    expect(params).toBe(start);
  });

  it("stops between steps when its signal fires", () => {
    const controller = new AbortController();
    const steps = descend(distance, start, { optimizer: sgd(), lr: 0.1, steps: 9, signal: controller.signal });
    steps.next();
    controller.abort();
    expect(() => steps.next()).toThrow(new AbortError("minimize", "the descent must not be aborted, got an abort before step 1 of 9"));
  });

  it("clips gradients when asked", () => {
    const steep = (params: Parameters) => mul(sum(square(params.get("p")!)), 1000);
    const { params } = minimize(steep, new Map([["p", tensor([3, 4])]]), { optimizer: sgd(), lr: 1, steps: 1, clipNorm: 5 });
    [...params.get("p")!.data].forEach((v) => expect(v).toBeCloseTo(0, 3));
  });

  it("refuses a negative number of steps", () => {
    expect(() => minimize(distance, start, { optimizer: sgd(), lr: 1, steps: -1 })).toThrow(
      "minimize: steps must be a whole number >= 0, got -1",
    );
  });
});
