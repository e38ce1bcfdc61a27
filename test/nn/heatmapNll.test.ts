import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/autograd/index.ts";
import { ArgumentError, ShapeError } from "../../src/errors.ts";
import { topKNll, topKNllPerImage } from "../../src/nn/index.ts";
import { item, logSigmoid, mean, neg, Rng, randn, reshape, slice, softplus, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const logits = fc.record({
  seed: fc.nat(),
  n: fc.integer({ min: 1, max: 3 }),
  c: fc.integer({ min: 1, max: 4 }),
  p: fc.integer({ min: 1, max: 9 }),
});
const draw = ({ seed, n, c, p }: { seed: number; n: number; c: number; p: number }): Tensor => randn([n, c, p], new Rng(seed), 2, "f64");
const topK = fc.integer({ min: 1, max: 12 });
const mode = fc.constantFrom("perClass" as const, "joint" as const);

describe("topKNll", () => {
  test("follows the worked example: an absent class weighs most", () => {
    const u = tensor(
      [
        [
          [2, -1, 0.5],
          [-3, -2, -4],
        ],
      ],
      undefined,
      "f64",
    );
    expect(item(topKNll(logSigmoid(u), { topK: 2 }))).toBeCloseTo(1.44413, 5);
    const [g] = grad((x) => topKNll(logSigmoid(x), { topK: 2 }), [u]);
    [-0.0298, 0, -0.0944, -0.2381, -0.2202, 0].forEach((v, i) => expect(g.data[i]).toBeCloseTo(v, 4));
  });

  test("joint: the best of all classes together", () => {
    const u = tensor(
      [
        [
          [2, -1, 0.5],
          [-3, -2, -4],
        ],
      ],
      undefined,
      "f64",
    );
    const softplusOf = (v: number): number => Math.log1p(Math.exp(-v));
    expect(item(topKNll(logSigmoid(u), { topK: 3, mode: "joint" }))).toBeCloseTo(
      (softplusOf(2) + softplusOf(0.5) + softplusOf(-1)) / 3,
      10,
    );
  });

  test("is not negative; its gradient with respect to a logit lies in [-1 / (K C), 0]", () => {
    fc.assert(
      fc.property(logits, topK, mode, (shape, k, how) => {
        const u = draw(shape);
        expect(item(topKNll(logSigmoid(u), { topK: k, mode: how }))).toBeGreaterThanOrEqual(0);
        const selected = how === "joint" ? Math.min(k, shape.c * shape.p) : shape.c * Math.min(k, shape.p);
        const [g] = grad((x) => topKNll(logSigmoid(x), { topK: k, mode: how }), [u]);
        expect(Array.from(g.data).every((v) => v <= 0 && v >= -1 / selected - 1e-12)).toBe(true);
        expect(Array.from(g.data).filter((v) => v !== 0)).toHaveLength(selected * shape.n);
      }),
    );
  });

  test("with every position selected it is the mean softplus of minus the logits", () => {
    fc.assert(
      fc.property(logits, mode, (shape, how) => {
        const u = draw({ ...shape, n: 1 });
        expect(item(topKNll(logSigmoid(u), { topK: 1000, mode: how }))).toBeCloseTo(item(mean(softplus(neg(u)))), 10);
      }),
    );
  });

  test("an image counts the same alone and in a batch", () => {
    fc.assert(
      fc.property(logits, topK, mode, (shape, k, how) => {
        const u = draw(shape);
        const each = topKNllPerImage(logSigmoid(u), { topK: k, mode: how });
        const [whole] = grad((x) => topKNll(logSigmoid(x), { topK: k, mode: how }), [u]);
        for (let n = 0; n < shape.n; n++) {
          const one = slice(u, { dim: 0, start: n, end: n + 1 });
          expect(item(topKNll(logSigmoid(one), { topK: k, mode: how }))).toBeCloseTo(each.data[n], 12);
          const [g] = grad((x) => topKNll(logSigmoid(x), { topK: k, mode: how }), [one]);
          expect(g.data).toEqual(slice(whole, { dim: 0, start: n, end: n + 1 }).data);
        }
      }),
    );
  });

  test("the order of positions and values that stay unselected change nothing", () => {
    fc.assert(
      fc.property(logits, (shape) => {
        const u = draw(shape);
        const reversed = tensor(Array.from(u.data).reverse(), u.shape, "f64");
        const total = (x: Tensor): number => item(topKNll(logSigmoid(x), { topK: 2 }));
        expect(total(reversed)).toBeCloseTo(total(u), 10);
        const rows = Array.from({ length: shape.n * shape.c }, (_, r) => Array.from(u.data.subarray(r * shape.p, (r + 1) * shape.p)));
        const lowered = rows.map((row) => row.map((v) => (v < [...row].sort((a, b) => b - a)[Math.min(1, row.length - 1)] ? v - 3 : v)));
        expect(total(reshape(tensor(lowered, undefined, "f64"), { shape: u.shape }))).toBe(total(u));
      }),
    );
  });

  test("stays finite where the sigmoid underflows", () => {
    const u = tensor([[[-800, -900]]], undefined, "f64");
    const [g] = grad((x) => topKNll(logSigmoid(x), { topK: 1 }), [u]);
    expect(item(topKNll(logSigmoid(u), { topK: 1 }))).toBe(800);
    expect(Array.from(g.data)).toEqual([-1, 0]);
  });

  test("equal entries: the lower position is selected", () => {
    const [g] = grad((x) => topKNll(logSigmoid(x), { topK: 1 }), [zeros([1, 1, 3], "f64")]);
    expect(Array.from(g.data)).toEqual([-0.5, 0, 0]);
  });

  test("refuses other ranks and a topK below 1", () => {
    expect(() => topKNll(zeros([2, 3]), { topK: 1 })).toThrow(ShapeError);
    expect(() => topKNll(zeros([1, 2, 3]), { topK: 0 })).toThrow(ArgumentError);
  });
});
