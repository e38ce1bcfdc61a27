import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradient, grad, hessianVectorProduct, record, valueAndGrad } from "../../src/autograd/index.ts";
import { ShapeError, StateError } from "../../src/errors.ts";
import * as ops from "../../src/tensor/index.ts";
import {
  conv2d,
  exp,
  greater,
  mean,
  mul,
  Rng,
  randn,
  relu,
  scalar,
  silu,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
} from "../../src/tensor/index.ts";

const f64 = (values: ops.NestedNumbers) => tensor(values, undefined, "f64");

describe("grad", () => {
  test("of a polynomial is its derivative", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 6 }), (values) => {
        const x = f64(values);
        const [g] = grad((x) => sum(mul(square(x), x)), [x]);
        g.data.forEach((v, i) => {
          expect(v).toBeCloseTo(3 * values[i] ** 2, 10);
        });
      }),
    );
  });

  test("adds up over every use of a tensor", () => {
    const a = f64([1, 2]);
    expect([...grad((a) => sum(ops.add(mul(a, a), ops.add(a, a))), [a])[0].data]).toEqual([4, 6]);
  });

  test("is zero for an argument the function ignores", () => {
    expect([...grad((a, _b) => sum(a), [f64([1]), f64([2, 3])])[1].data]).toEqual([0, 0]);
  });

  test("is zero where the function is a constant", () => {
    const constant = f64([3]);
    const g = grad(
      (x) => {
        square(x);
        return constant;
      },
      [f64([1, 2])],
    );
    expect([...g[0].data]).toEqual([0, 0]);
  });

  test("refuses a function with more than one element", () => {
    expect(() => valueAndGrad((x) => x, [f64([1, 2])])).toThrow(ShapeError);
  });
});

describe("tape", () => {
  test("differentiates with respect to intermediates, also several at once", () => {
    const x = f64([[1, -2]]);
    const { value, tape } = record(() => {
      const h = mul(x, 3);
      return { h, y: sum(square(h)) };
    });
    const [gx, gh, gy] = tape.vjp(value.y, [x, value.h, value.y]);
    expect([...(gx as Tensor).data]).toEqual([18, -36]);
    expect([...(gh as Tensor).data]).toEqual([6, -12]);
    expect((gy as Tensor).data[0]).toBe(1);
  });

  test("gives undefined where there is no path of derivatives", () => {
    const x = f64([1, -2]);
    const { value, tape } = record(() => sum(where(greater(x, 0), f64([1, 1]), 0)));
    expect(tape.vjp(value, [x])).toEqual([undefined]);
  });

  test("refuses a tensor it never saw and a seed of another shape", () => {
    const { value, tape } = record(() => sum(f64([1])));
    expect(() => tape.vjp(value, [f64([1])])).toThrow(StateError);
    expect(() => tape.vjp(value, [value], f64([1, 2]))).toThrow(ShapeError);
  });

  test("refuses a root that no step made, unless it is wanted itself", () => {
    const x = f64([1, 2]);
    const { tape } = record(() => sum(square(x)));
    const elsewhere = sum(square(x));
    expect(() => tape.vjp(elsewhere, [x])).toThrow(StateError);
    expect(() => tape.vjp(elsewhere, [x])).toThrow(
      /^tape\.vjp: root must come from a step of this tape or be in wrt, got a tensor no step/,
    );
    expect(tape.vjp(elsewhere, [])).toEqual([]);
    expect([...(tape.vjp(x, [x])[0] as Tensor).data]).toEqual([1, 1]);
  });

  test("refuses an asynchronous function", () => {
    expect(() => record(async () => 1)).toThrow(StateError);
  });

  test("visits only entries behind the wanted tensors", () => {
    const [a, b] = [f64([2]), f64([3])];
    const { value, tape } = record(() => sum(mul(exp(a), square(b))));
    const { tape: backward } = record(() => tape.vjp(value, [b]));
    expect(backward.entries.map((e) => e.def.name)).not.toContain("exp");
    expect(backward.entries.length).toBeLessThan(6);
  });

  test("costs time linear in the number of entries", () => {
    const cost = (n: number) => {
      const x = scalar(0.5);
      const { value, tape } = record(() => {
        let y = x;
        for (let i = 0; i < n; i++) y = ops.tanh(y);
        return y;
      });
      return record(() => tape.vjp(value, [x])).tape.entries.length / n;
    };
    expect(cost(2000)).toBeCloseTo(cost(20), 6);
  });

  test("prints one line a step", () => {
    const { tape } = record(() => sum(relu(f64([1, 2]))));
    expect(tape.toString().split("\n")).toHaveLength(2);
    expect(tape.toString()).toMatch(/relu\s+f64\[2\] → f64\[2\] reference/);
  });
});

describe("checkGradient and hessianVectorProduct", () => {
  const rng = new Rng(1);
  const x = randn([1, 2, 4, 4], rng, 1, "f64");
  const w = randn([3, 2, 3, 3], rng, 0.5, "f64");
  const loss = (x: Tensor, w: Tensor) => mean(square(silu(conv2d(x, w, { padding: 1 }))));

  test("a small network passes the directional check", () => {
    expect(checkGradient(loss, [x, w]).gap).toBeLessThan(1e-8);
  });

  test("there is no Hessian product without arguments", () => {
    expect(hessianVectorProduct(() => f64([1]), [], [])).toEqual([]);
  });

  test("the Hessian product equals the difference of gradients", () => {
    const v = [randn(x.shape, rng, 1, "f64"), randn(w.shape, rng, 1, "f64")];
    const products = hessianVectorProduct(loss, [x, w], v);
    const h = 1e-5;
    const at = (t: number) =>
      grad(
        loss,
        [x, w].map((p, i) => ops.add(p, mul(v[i], t))),
      );
    const [ahead, behind] = [at(h), at(-h)];
    products.forEach((p, k) => {
      const numeric = mul(sub(ahead[k], behind[k]), 1 / (2 * h));
      p.data.forEach((value, i) => {
        expect(Math.abs(value - numeric.data[i])).toBeLessThan(1e-7);
      });
    });
  });
});
