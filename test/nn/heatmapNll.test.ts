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

  test("expected targets: squared gradients are H / (1 - H) times those of the plug-in, and so H (1 - H) / K^2 C^2", () => {
    fc.assert(
      fc.property(logits, topK, mode, fc.constantFrom(0, 0.3), (shape, k, how, minScore) => {
        const u = draw(shape);
        const options = { topK: k, mode: how, minScore };
        const [plugin] = grad((x) => topKNll(logSigmoid(x), options), [u]);
        const [expected] = grad((x) => topKNll(logSigmoid(x), { ...options, targets: "expected" }), [u]);
        u.data.forEach((logit, i) => {
          const odds = Math.exp(logit);
          expect(expected.data[i] ** 2).toBeCloseTo(plugin.data[i] ** 2 * odds, 10);
        });
      }),
    );
  });

  test("expected targets: sure entries have a finite gradient", () => {
    const [g] = grad((x) => topKNll(logSigmoid(x), { topK: 3, targets: "expected" }), [tensor([800, 40, 0], [1, 1, 3], "f64")]);
    expect(Array.from(g.data).every(Number.isFinite)).toBe(true);
    expect(g.data[2]).toBeCloseTo(-1 / 6, 12);
  });

  test("only peaks of their map count, in a mean over those that do", () => {
    const map = [
      [3, 1, 0, 2],
      [0, 0, 0, 0],
      [1, 1, 0, -1],
    ];
    const second = [5, 9];
    const u = tensor([[[...map.flat(), ...second]]], undefined, "f64");
    const peaksOf = [
      [3, 4],
      [1, 2],
    ] as const;
    // 3, 2, both ones of the last row and 9 are peaks: equal neighbours all are.
    const [g] = grad((x) => topKNll(logSigmoid(x), { topK: 4, peaksOf }), [u]);
    const taken = Array.from(g.data).flatMap((v, i) => (v < 0 ? [i] : []));
    expect(taken).toEqual([0, 3, 8, 13]);
    const chosen = tensor([[[3, 2, 1, 9]]], undefined, "f64");
    expect(item(topKNll(logSigmoid(u), { topK: 4, peaksOf }))).toBeCloseTo(item(topKNll(logSigmoid(chosen), { topK: 4 })), 12);
    const most = item(topKNll(logSigmoid(u), { topK: 100, peaksOf, minScore: 0.6 }));
    const five = tensor([[[3, 2, 1, 1, 9]]], undefined, "f64");
    expect(most).toBeCloseTo(item(topKNll(logSigmoid(five), { topK: 5 })), 12);
    expect(() => topKNll(logSigmoid(u), { topK: 4, peaksOf: [[3, 4]] })).toThrow("maps must have as many cells as positions = 14, got 12");
  });

  test("entries below the least score do not count; without any the loss and its gradient are 0", () => {
    const u = tensor([[[2, -1, -3]]], undefined, "f64");
    expect(item(topKNll(logSigmoid(u), { topK: 3, minScore: 0.2 }))).toBeCloseTo(
      item(topKNll(logSigmoid(slice(u, { dim: 2, start: 0, end: 2 })), { topK: 2 })),
      12,
    );
    expect(item(topKNll(logSigmoid(u), { topK: 3, minScore: 0.99 }))).toBeCloseTo(0, 12);
    const [g] = grad((x) => topKNll(logSigmoid(x), { topK: 3, minScore: 0.99 }), [u]);
    expect(Array.from(g.data).every((v) => v === 0)).toBe(true);
    expect(() => topKNll(logSigmoid(u), { topK: 3, minScore: 2 })).toThrow("minScore must be in [0, 1], got 2");
  });

  test("refuses other ranks and a topK below 1", () => {
    expect(() => topKNll(zeros([2, 3]), { topK: 1 })).toThrow(ShapeError);
    expect(() => topKNll(zeros([1, 2, 3]), { topK: 0 })).toThrow(ArgumentError);
  });
});
