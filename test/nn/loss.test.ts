import { describe, expect, it } from "vitest";
import { valueAndGrad } from "../../src/autograd/index.ts";
import { bce, bceWithLogits, centernetFocalLoss, crossEntropy, diouLoss, giouLoss, mseLoss, smoothL1Loss } from "../../src/nn/index.ts";
import { item, tensor } from "../../src/tensor/index.ts";

describe("losses", () => {
  it("are 0 where prediction and target agree", () => {
    const x = tensor([[1, 2, 3, 5]]);
    expect(item(mseLoss(x, x))).toBe(0);
    expect(item(smoothL1Loss(x, x))).toBe(0);
    expect(item(giouLoss(x, x, { reduction: "mean" }))).toBeCloseTo(0, 6);
    expect(item(diouLoss(x, x, { reduction: "mean" }))).toBeCloseTo(0, 6);
  });

  it("of boxes pull apart boxes together", () => {
    const x = tensor([[0, 0, 1, 1]]);
    const t = tensor([[5, 0, 6, 1]]);
    for (const loss of [giouLoss, diouLoss]) {
      const { grads } = valueAndGrad((v) => loss(v, t, { reduction: "sum" }), [x]);
      expect(grads[0].data[0] + grads[0].data[2]).toBeLessThan(0);
    }
  });

  it("stay finite for extreme logits", () => {
    const x = tensor([200, -200, 0]);
    const { value, grads } = valueAndGrad((v) => bceWithLogits(v, tensor([0, 1, 1])), [x]);
    expect(item(value)).toBeCloseTo((400 + Math.log(2)) / 3, 3);
    expect([...grads[0].data].every(Number.isFinite)).toBe(true);
    expect(Number.isFinite(item(centernetFocalLoss(x, tensor([0, 1, 0.5]))))).toBe(true);
  });

  it.each(["f32", "f64"] as const)("of certain probabilities count -100 for each wrong one, with finite gradients (%s)", (dtype) => {
    const x = tensor([0, 1, 0, 1, 0.5], undefined, dtype);
    const t = tensor([0, 1, 1, 0, 1], undefined, dtype);
    expect([...bce(x, t, { reduction: "none" }).data].slice(0, 4)).toEqual([-0, -0, 100, 100]);
    const { grads } = valueAndGrad((v) => bce(v, t, { reduction: "sum" }), [x]);
    expect([...grads[0].data].every(Number.isFinite)).toBe(true);
  });

  it("of probabilities stay NaN outside [0, 1]", () => {
    expect(item(bce(tensor([-0.5]), tensor([1])))).toBeNaN();
  });

  it("of classes leave out a class whose logit is -Infinity", () => {
    const x = tensor([[1, 2, Number.NEGATIVE_INFINITY]], undefined, "f64");
    const t = tensor([0], undefined, "i32");
    const { value, grads } = valueAndGrad((v) => crossEntropy(v, t), [x]);
    const alone = valueAndGrad((v) => crossEntropy(v, t), [tensor([[1, 2]], undefined, "f64")]);
    expect(item(value)).toBe(item(alone.value));
    expect([...grads[0].data]).toEqual([...alone.grads[0].data, 0]);
    expect(item(crossEntropy(x, tensor([2], undefined, "i32")))).toBe(Number.POSITIVE_INFINITY);
  });

  it("of classes refuse indices that are no class", () => {
    const x = tensor([[1, 2, 3]]);
    expect(() => crossEntropy(x, tensor([3], undefined, "i32"))).toThrow(
      "crossEntropy: t must hold class indices in [0, 3), got 3 (position 0)",
    );
    expect(() => crossEntropy(x, tensor([0.5]))).toThrow("crossEntropy: t must hold class indices in [0, 3), got 0.5 (position 0)");
    expect(() => crossEntropy(x, tensor([0], undefined, "i32"), { weight: tensor([1, 2]) })).toThrow(
      "crossEntropy: weight must hold 3 class weights, got 2 (x [1,3])",
    );
    expect(() => crossEntropy(x, tensor([0, 1], undefined, "i32"))).toThrow("crossEntropy: t must hold 1 indices, got 2 (x [1,3])");
    expect(item(crossEntropy(x, tensor([-100], undefined, "i32"), { reduction: "sum" }))).toBe(0);
  });
});
