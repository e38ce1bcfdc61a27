import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../../src/autograd/index.ts";
import { type FisherOptions, importanceOf, rank1Error, weightedError } from "../../../src/quant/objective/importance.ts";
import { inlierFisher } from "../../../src/quant/objective/inlierFisher.ts";
import { mse } from "../../../src/quant/objective/mse.ts";
import { full, item, Rng, randn, Tensor, tensor } from "../../../src/tensor/index.ts";

const SHAPE = [2, 3, 2, 2];
const cases = fc.integer({ min: 0, max: 10_000 }).map((seed) => {
  const rng = new Rng(seed);
  const inlier = Uint8Array.from({ length: 8 }, () => (rng.float() < 0.6 ? 1 : 0));
  inlier[0] = 1;
  return {
    y: randn(SHAPE, rng, 1, "f64"),
    yq: randn(SHAPE, rng, 1, "f64"),
    gradient: randn(SHAPE, rng, 1e-5, "f64"),
    inlier: new Tensor([2, 2, 2], "u8", inlier),
  };
});
const options: fc.Arbitrary<FisherOptions> = fc.record({
  fisher: fc.constantFrom("diag" as const, "volume" as const, "rank1" as const, "none" as const),
  damping: fc.constantFrom(0, 0.1, 1),
  lambdaA: fc.constantFrom(0, 0.5),
});

/** The objective as eq. 12 spells it, one volume at a time. */
function spelled({ y, yq, gradient, inlier }: { y: Tensor; yq: Tensor; gradient: Tensor; inlier: Tensor }, o: FisherOptions): number {
  const { fisher = "diag", damping = 0.1, lambdaI = 1, lambdaA = 0 } = o;
  const at = (v: number, c: number): number => Math.floor(v / 4) * 12 + c * 4 + (v % 4);
  const volumes = Array.from({ length: 8 }, (_, v) =>
    [0, 1, 2].map((c) => ({ d: yq.data[at(v, c)] - y.data[at(v, c)], g: gradient.data[at(v, c)] })),
  );
  const inliers = volumes.filter((_, v) => inlier.data[v] === 1);
  const energy = inliers.flat().reduce((s, { g }) => s + g * g, 0) / (3 * inliers.length);
  const form = (vol: { d: number; g: number }[]): number => {
    const plain = vol.reduce((s, { d }) => s + d * d, 0);
    if (fisher === "none") return plain;
    let weighted = vol.reduce((s, { d, g }) => s + d * d * g * g, 0);
    if (fisher === "rank1") weighted = vol.reduce((s, { d, g }) => s + d * g, 0) ** 2;
    if (fisher === "volume") weighted = (plain * vol.reduce((s, { g }) => s + g * g, 0)) / 3;
    return ((1 - damping) * weighted) / energy + damping * plain;
  };
  const mean = (set: { d: number; g: number }[][]): number => (set.length === 0 ? 0 : set.reduce((s, v) => s + form(v), 0) / set.length);
  return lambdaI * mean(inliers) + lambdaA * mean(volumes.filter((_, v) => inlier.data[v] === 0));
}

describe("inlierFisher", () => {
  test("is eq. 12 written out, for every form", () =>
    fc.assert(
      fc.property(cases, options, (c, o) => {
        const want = spelled(c, o);
        expect(Math.abs(item(inlierFisher(c.y, c.yq, c, o)) - want)).toBeLessThanOrEqual(1e-9 * want);
      }),
    ));

  test("reads nothing of anomalies by default, and accepts masks with a channel axis", () =>
    fc.assert(
      fc.property(cases, (c) => {
        const data = Float64Array.from(c.yq.data);
        for (let i = 0; i < data.length; i++) if (c.inlier.data[Math.floor(i / 12) * 4 + (i % 4)] === 0) data[i] = 1e6;
        const withMask = { gradient: c.gradient, inlier: new Tensor([2, 1, 2, 2], "u8", c.inlier.data) };
        expect(item(inlierFisher(c.y, new Tensor(SHAPE, "f64", data), withMask))).toBe(item(inlierFisher(c.y, c.yq, c)));
      }),
    ));

  test("is 0 at the reference, does not depend on the scale of the gradient, and without one is the plain error", () =>
    fc.assert(
      fc.property(cases, (c) => {
        expect(item(inlierFisher(c.y, c.y, c))).toBe(0);
        const scaled = new Tensor(
          SHAPE,
          "f64",
          Float64Array.from(c.gradient.data, (g) => g * 1024),
        );
        expect(item(inlierFisher(c.y, c.yq, { gradient: scaled }))).toBeCloseTo(item(inlierFisher(c.y, c.yq, { gradient: c.gradient })), 9);
        const none = full(SHAPE, 0, "f64");
        expect(item(inlierFisher(c.y, c.yq, { gradient: none }))).toBeCloseTo(item(mse(c.y, c.yq)), 9);
      }),
    ));

  test("its gradient is 2 w (y^ - y)", () =>
    fc.assert(
      fc.property(cases, (c) => {
        const { elements } = importanceOf(c.gradient.data, c.inlier.data, { samples: 2, channels: 3, volumes: 4 });
        const [g] = grad((yq) => inlierFisher(c.y, yq, c), [c.yq]);
        for (let i = 0; i < g.size; i++) expect(g.data[i]).toBeCloseTo(2 * elements[i] * (c.yq.data[i] - c.y.data[i]), 10);
      }),
    ));

  test("refuses shapes that do not fit", () => {
    const y = tensor([[1, 2]]);
    expect(() => inlierFisher(y, tensor([[1]]), { gradient: y })).toThrow("inlierFisher: shapes must be equal, got [1,2] and [1,1]");
    expect(() => inlierFisher(y, y, { gradient: tensor([1]) })).toThrow("inlierFisher: gradient must have 2 elements, got 1");
    expect(() => inlierFisher(y, y, { gradient: y, inlier: tensor([1, 1], [2], "u8") })).toThrow(
      "inlierFisher: inlier must have one mark per volume = 1, got 2",
    );
  });
});

describe("matrices", () => {
  test("weightedError and rank1Error are the tensor objective on [C, R]", () =>
    fc.assert(
      fc.property(cases, fc.constantFrom("diag" as const, "rank1" as const), (c, fisher) => {
        const [y, yq, g] = [c.y, c.yq, c.gradient].map((t) => (t.data as Float64Array).subarray(0, 12));
        const inlier = c.inlier.data.subarray(0, 4);
        const { elements, volumes } = importanceOf(g, inlier, { samples: 1, channels: 3, volumes: 4 }, { fisher });
        const got = weightedError(yq, y, elements) + (volumes ? rank1Error(yq, y, g, volumes) : 0);
        const as = (d: Float64Array): Tensor => new Tensor([1, 3, 4], "f64", d);
        const want = item(
          inlierFisher(as(y), as(yq), { gradient: as(g), inlier: new Tensor([1, 4], "u8", inlier as Uint8Array) }, { fisher }),
        );
        expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-9 * want);
      }),
    ));

  test("lengths must agree", () => {
    const two = new Float32Array(2);
    expect(() => weightedError(two, two, new Float32Array(1))).toThrow("weightedError: lengths must be equal, got 2, 2 and 1");
    expect(() => rank1Error(two, two, new Float32Array(1), new Float32Array(1))).toThrow(
      "rank1Error: lengths must be equal multiples of the 1 weights",
    );
  });
});
