import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile, compileViews, Program, record, valueAndGrad } from "../../src/autograd/index.ts";
import { type Lifetime, planOffsets } from "../../src/autograd/layout.ts";
import { StateError } from "../../src/errors.ts";
import {
  add,
  conv2d,
  item,
  matmul,
  maximum,
  mul,
  Rng,
  randn,
  relu,
  reshape,
  scalar,
  sigmoid,
  sub,
  sum,
  type Tensor,
  tensor,
} from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const rng = new Rng("compile");

describe("planOffsets", () => {
  const lifetime = fc
    .record({ bytes: fc.integer({ min: 1, max: 200 }), from: fc.integer({ min: 0, max: 20 }), length: fc.integer({ min: 0, max: 20 }) })
    .map(({ bytes, from, length }): Lifetime => ({ bytes, from, to: from + length }));

  test("no two buffers that live at the same step overlap", () => {
    fc.assert(
      fc.property(fc.array(lifetime, { maxLength: 30 }), (lives) => {
        const { offsets, bytes } = planOffsets(lives);
        for (let i = 0; i < lives.length; i++) {
          expect(offsets[i] + lives[i].bytes).toBeLessThanOrEqual(bytes);
          for (let j = 0; j < i; j++) {
            const together = lives[i].from <= lives[j].to && lives[j].from <= lives[i].to;
            const apart = offsets[i] + lives[i].bytes <= offsets[j] || offsets[j] + lives[j].bytes <= offsets[i];
            expect(!together || apart).toBe(true);
          }
        }
      }),
    );
  });

  test("needs at least what lives at once and at most everything", () => {
    fc.assert(
      fc.property(fc.array(lifetime, { minLength: 1, maxLength: 30 }), (lives) => {
        const at = (step: number) => lives.filter((l) => l.from <= step && step <= l.to).reduce((n, l) => n + l.bytes, 0);
        const { bytes } = planOffsets(lives);
        expect(bytes).toBeGreaterThanOrEqual(Math.max(...Array.from({ length: 41 }, (_, step) => at(step))));
        expect(bytes).toBeLessThanOrEqual(lives.reduce((n, l) => n + l.bytes, 0));
      }),
    );
  });

  test("buffers that follow each other share their place", () => {
    const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 64, from: i, to: i + 1 }));
    expect(planOffsets(chain).bytes).toBe(128);
  });
});

/** A random program: each step applies an op to two earlier tensors, whose shapes broadcast. */
const steps = fc.array(fc.record({ op: fc.nat(), a: fc.nat(), b: fc.nat() }), { minLength: 1, maxLength: 12 });
const operations: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  add,
  sub,
  mul,
  maximum,
  (a) => relu(a),
  (a) => sigmoid(a),
  (a) => reshape(a, { shape: [...a.shape].reverse() }),
  (a) => sum(a, { dim: a.shape.length - 1, keepdim: true }),
];

const broadcasts = (a: Tensor, b: Tensor): boolean =>
  a.shape.every((d, i) => d === b.shape[i] || d === 1 || b.shape[i] === 1) && a.shape.length === b.shape.length;

function randomProgram(list: readonly { op: number; a: number; b: number }[]): (...inputs: Tensor[]) => Tensor[] {
  return (...inputs) => {
    const made = [...inputs];
    for (const { op, a, b } of list) {
      const left = made[a % made.length];
      const right = made[b % made.length];
      made.push(operations[op % operations.length](left, broadcasts(left, right) ? right : left));
    }
    return made.filter((_, i) => i % 3 === 0 || i === made.length - 1);
  };
}

describe("compile", () => {
  const inputs = () => [randn([5, 7], rng), randn([5, 1], rng), randn([1, 7], rng)];

  test("a random program has the bits of its eager calls, run after run", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const f = randomProgram(list);
        const compiled = compile(f);
        for (let i = 0; i < 3; i++) {
          const xs = inputs();
          expect(compiled(...xs)).toEqual(f(...xs));
        }
      }),
      { numRuns: runs(60) },
    );
  });

  test("returns what the function returns, in lists and records", () => {
    const f = (x: Tensor) => ({ twice: add(x, x), list: [relu(x), x], constant: tensor([1, 2]) });
    const x = tensor([-1, 2]);
    expect(compile(f)(x)).toEqual(f(x));
  });

  test("records once for a shape and again for another", () => {
    let recorded = 0;
    const compiled = compile(
      (x) => {
        recorded++;
        return relu(x);
      },
      { limit: 2 },
    );
    for (const n of [3, 3, 4, 3, 5, 3, 4]) expect(compiled(randn([n], rng)).shape).toEqual([n]);
    // 3, 4 and 5; then 4 again, which was forgotten for 5.
    expect(recorded).toBe(4);
  });

  test("results stay as they are when the function is called again; views follow it", () => {
    const [copied, viewed] = [compile(relu), compileViews(relu)].map((f) => [f(tensor([1, -1])), f(tensor([2, 2]))]);
    expect([...copied[0].data]).toEqual([1, 0]);
    expect([...viewed[0].data]).toEqual([2, 2]);
  });

  test("runs the function itself where its steps are watched", () => {
    const compiled = compile((x) => mul(x, x));
    expect(record(() => compiled(tensor([3]))).tape.entries.map(({ def }) => def.name)).toEqual(["mul"]);
    expect([...valueAndGrad((x) => sum(compiled(x)), [tensor([3, 4])]).grads[0].data]).toEqual([6, 8]);
  });

  test("a gradient inside the function is part of the recording", () => {
    const f = (x: Tensor, w: Tensor) => {
      const { value, grads } = valueAndGrad((k) => sum(relu(conv2d(x, k, { padding: 1 }))), [w]);
      return [value, ...grads];
    };
    const [x, w] = [randn([2, 3, 6, 6], rng), randn([4, 3, 3, 3], rng)];
    expect(compile(f)(x, w)).toEqual(f(x, w));
  });

  test("runs the function itself where the runtime gives no memory", () => {
    const { Memory } = WebAssembly;
    const x = tensor([-1, 2]);
    try {
      WebAssembly.Memory = class {
        constructor() {
          throw new RangeError("no memory");
        }
      } as never;
      const compiled = compile((y) => relu(y));
      expect(compiled(x)).toEqual(relu(x));
      expect(compiled(x)).toEqual(relu(x));
      expect(() => new Program((y) => [relu(y)], [x])).toThrow("arena: must reserve at least");
    } finally {
      WebAssembly.Memory = Memory;
    }
  });

  test("refuses functions that read values, wait, or return something else", () => {
    expect(() => compile((x) => scalar(item(x)))(scalar(2))).toThrow(StateError);
    expect(() => compile((x) => scalar(item(relu(x))))(scalar(2))).toThrow(
      "compile: a function must not read values while it is recorded, got a read of f32[] (compute with ops, or keep this step outside the compiled function)",
    );
    expect(() => compile((async (x: Tensor) => x) as never)(scalar(2))).toThrow("compile: the function must return tensors, got a promise");
    expect(() => compile((() => 3) as never)(scalar(2))).toThrow("compile: the function must return tensors, got number");
    expect(() => compile(relu, { limit: 0 })).toThrow("compile: limit must be a whole number >= 1, got 0");
  });
});

describe("Program", () => {
  test("carries outputs into the next run: gradient descent step by step", () => {
    const [x, y, w] = [randn([8, 3], rng), randn([8, 1], rng), randn([3, 1], rng)];
    const step = (weights: Tensor) => {
      const loss = (k: Tensor) => {
        const d = sub(matmul(x, k), y);
        return sum(mul(d, d));
      };
      const { value, grads } = valueAndGrad(loss, [weights]);
      return [value, sub(weights, mul(grads[0], 0.01))];
    };
    const program = new Program(step, [w]);
    program.write(0, w);
    let weights = w;
    for (let i = 0; i < 5; i++) {
      program.run();
      const [value, next] = step(weights);
      expect([program.read(0), program.read(1)]).toEqual([value, next]);
      program.carry(1, 0);
      weights = next;
    }
  });

  test("leaves out steps whose results nobody needs", () => {
    const lean = new Program((x) => [relu(x)], [{ shape: [1000], dtype: "f32" }]);
    const wasteful = new Program(
      (x) => {
        matmul(reshape(x, { shape: [1000, 1] }), reshape(x, { shape: [1, 1000] }));
        return [relu(x)];
      },
      [{ shape: [1000], dtype: "f32" }],
    );
    expect(wasteful.bytes).toBe(lean.bytes);
  });

  test("a long chain needs room for its ends only", () => {
    const chain = (x: Tensor): Tensor[] => [Array.from({ length: 20 }).reduce<Tensor>((y) => relu(y), x)];
    const { bytes } = new Program(chain, [{ shape: [1 << 16], dtype: "f32" }]);
    expect(bytes).toBeLessThan(3.1 * 4 * (1 << 16));
  });

  test("refuses what does not fit, naming the largest buffers, before any work", () => {
    const f = (x: Tensor) => [sum(add(matmul(x, x), 1))];
    expect(() => new Program(f, [{ shape: [32_000, 32_000], dtype: "f32" }])).toThrow(
      /^compile: the buffers of a function and the tables of its kernels must fit into 4095 MiB, got \d+ \(largest: input f32\[32000,32000\] \(3907 MiB\), matmul/,
    );
  });

  test("refuses other shapes and indices", () => {
    const program = new Program((x) => [relu(x)], [{ shape: [2], dtype: "f32" }]);
    expect(() => program.write(0, tensor([1, 2, 3]))).toThrow("program.write: input 0 must be f32[2], got f32[3]");
    expect(() => program.write(1, tensor([1, 2]))).toThrow("program.write: the index must be in [0, 1), got 1");
    expect(() => program.read(-1)).toThrow("program.read: the index must be in [0, 1), got -1");
  });
});
