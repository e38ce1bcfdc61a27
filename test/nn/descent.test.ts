import { describe, expect, it } from "vitest";
import { Iteration, record } from "../../src/autograd/index.ts";
import { StateError } from "../../src/errors.ts";
import { adam, adamW, descend, type MinimizeOptions, minimize, type Optimizer, type Parameters, rmsprop, sgd } from "../../src/nn/index.ts";
import { add, item, log, matmul, mean, mul, Rng, randn, square, sub, sum, type Tensor, tanh, tensor } from "../../src/tensor/index.ts";

const rng = new Rng("descent");
const start: Parameters = new Map([
  ["w", randn([3, 4], rng)],
  ["seen", tensor([0])],
  ["v", randn([4, 1], rng)],
  ["unused", tensor([7])],
]);
/** Batches of two sizes, in turn. */
const batches = Array.from({ length: 8 }, (_, i) => ({ x: randn([5 + (i % 2), 3], rng), y: randn([5 + (i % 2), 1], rng) }));
const batch = (step: number) => batches[step % batches.length]!;
const loss = (params: Parameters, { x, y }: { x: Tensor; y: Tensor }) => {
  const out = matmul(tanh(matmul(x, params.get("w")!)), params.get("v")!);
  const statistics = new Map([["seen", add(mul(params.get("seen")!, 0.5), mean(out))]]);
  return { loss: mean(square(sub(out, y))), statistics };
};
const valuesOf = (params: Parameters) => [...params].map(([name, p]) => [name, [...p.data]]);

const optimizers: readonly Optimizer[] = [sgd(), sgd({ momentum: 0.9, dampening: 0.5 }), adam(), adamW({ amsgrad: true }), rmsprop()];

describe("a descent by batches", () => {
  it.each(optimizers.map((o) => [o.name, o] as const))("has the bits of the same steps one by one: %s", (_, optimizer) => {
    const options: MinimizeOptions = { optimizer, lr: (s) => 0.1 / (s + 1), steps: 9, clipNorm: 0.5 };
    const resident = descend(loss, start, { ...options, batch });
    for (const step of descend((params, s) => loss(params, batch(s)), start, options)) {
      const { value } = resident.next() as { value: typeof step };
      expect([value.step, value.loss, value.lr]).toEqual([step.step, step.loss, step.lr]);
      if (step.step % 3 === 1) expect(valuesOf(value.params)).toEqual(valuesOf(step.params));
    }
    const by = minimize(loss, start, { ...options, batch });
    const alone = minimize((params, s) => loss(params, batch(s)), start, options);
    expect([by.losses, valuesOf(by.params)]).toEqual([alone.losses, valuesOf(alone.params)]);
    expect(by.params.get("unused")).toBe(start.get("unused"));
    expect(by.params.get("seen")!.data).not.toEqual(start.get("seen")!.data);
  });

  it("gives the parameters of a step until the next one", () => {
    const steps = descend(loss, start, { optimizer: sgd(), lr: 0.1, steps: 3, batch });
    const [first, second] = [steps.next().value, steps.next().value] as { params: Parameters }[];
    const held = second!.params;
    const before = valuesOf(held);
    steps.next();
    expect(valuesOf(held)).toEqual(before);
    expect(second!.params).toBe(held);
    expect(() => first!.params).toThrow("minimize: the parameters after step 0 must be read before the next step");
  });

  it("keeps the best, and stays before a loss that is not finite", () => {
    const options = { optimizer: sgd(), lr: 10, steps: 5, keepBest: true, batch: () => batches[0]! };
    const worse = minimize(loss, start, options);
    expect([worse.loss, worse.params]).toEqual([worse.losses[0], start]);
    const better = minimize(loss, start, { ...options, lr: 0.01 });
    expect(item(loss(better.params, batches[0]!).loss)).toBe(better.loss);
    const fragile = (params: Parameters) => sum(log(params.get("p")!));
    const ended = minimize(fragile, new Map([["p", tensor([0.1])]]), { optimizer: sgd(), lr: 1, steps: 9, batch: () => [] });
    expect(ended.losses[1]).toBeNaN();
    expect([...ended.params.get("p")!.data].map(Math.fround)).toEqual([Math.fround(Math.fround(0.1) - 10)]);
  });

  it("runs step by step where its calls are watched", () => {
    const options = { optimizer: adam(), lr: 0.1, steps: 4, batch };
    const steps = descend(loss, start, options);
    steps.next();
    const { value, tape } = record(() => steps.next());
    expect(tape.entries.map(({ def }) => def.name)).toContain("adamStep");
    expect((value.value as { loss: number }).loss).toBe(minimize(loss, start, options).losses[1]);
    steps.next();
    const last = steps.next().value as { params: Parameters };
    expect(valuesOf(last.params)).toEqual(valuesOf(minimize(loss, start, options).params));
  });

  it("refuses losses that read values, foreign statistics, and parameters that come and go", () => {
    const options = { optimizer: adam(), lr: 0.1, steps: 4, batch };
    const reads = (params: Parameters, { x }: { x: Tensor }) => mul(sum(params.get("w")!), item(sum(x)));
    expect(() => minimize(reads, start, options)).toThrow(StateError);
    const foreign = (params: Parameters) => ({ loss: sum(params.get("w")!), statistics: new Map([["other", tensor([1])]]) });
    expect(() => minimize(foreign, start, options)).toThrow(
      'minimize: every statistic must have the name, shape and dtype of a parameter, got "other"',
    );
    const fickle = (params: Parameters, { x }: { x: Tensor }) => sum(params.get(x.shape[0] === 5 ? "w" : "v")!);
    expect(() => minimize(fickle, start, options)).toThrow("minimize: every batch must teach the same parameters, got v after w");
  });
});

describe("Iteration", () => {
  it("moves parts of its state from one to another", () => {
    const fibonacci = new Iteration(([a, b]) => ({ value: a!, next: [b!, add(a!, b!)] }), [tensor([0]), tensor([1])]);
    const seen = Array.from({ length: 8 }, () => {
      const value = fibonacci.run([], []);
      fibonacci.advance();
      return value;
    });
    expect(seen).toEqual([0, 1, 1, 2, 3, 5, 8, 13]);
    expect(fibonacci.state().map((x) => item(x))).toEqual([21, 34]);
  });

  it("stays where it is until it advances", () => {
    const doubling = new Iteration(
      ([a], [by], numbers) => ({ value: a!, next: [mul(mul(a!, by!), sum(numbers))] }),
      [tensor([1], undefined, "f64")],
    );
    const two = tensor([2], undefined, "f64");
    expect([doubling.run([two], [1, 2]), doubling.run([two], [1, 2])]).toEqual([1, 1]);
    doubling.advance();
    expect([doubling.run([two], [1, 2]), item(doubling.state()[0]!)]).toEqual([6, 6]);
  });
});
