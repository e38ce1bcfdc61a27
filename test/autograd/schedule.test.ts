import { expect, test } from "vitest";
import { compile } from "../../src/autograd/index.ts";
import { recordFunction } from "../../src/autograd/recording.ts";
import { add, amax, matmul, mul, Rng, randn, relu, sum, type Tensor, withKernels } from "../../src/tensor/index.ts";

const x = randn([16, 16], new Rng("schedule"));
const namesOf = (f: (x: Tensor) => readonly Tensor[]): string[] =>
  withKernels("auto", () => recordFunction(f, [x]).units.map(({ name }) => name));

test("what makes little of much runs right behind what it reads", () => {
  const f = (x: Tensor): Tensor[] => {
    const a = matmul(x, x);
    const b = matmul(a, a);
    const c = matmul(b, b);
    return [c, sum(a, { dim: 0 }), amax(sum(b, { dim: 0 }))];
  };
  expect(namesOf(f)).toEqual(["matmul", "sum", "matmul", "sum", "amax", "matmul"]);
  expect(compile(f)(x).map((y) => y.data)).toEqual(f(x).map((y) => y.data));
});

test("what reads two tensors, an input alone, or makes as much as it reads stays where it is", () => {
  expect(namesOf((x) => [matmul(x, x), sum(x)])).toEqual(["matmul", "sum"]);
  const f = (x: Tensor): Tensor[] => {
    const a = matmul(x, x);
    const b = matmul(a, x);
    const first = matmul(sum(a, { dim: 0, keepdim: true }), b);
    return [first, relu(a), add(mul(b, 2), a)];
  };
  expect(namesOf(f)).toEqual(["matmul", "sum", "matmul", "matmul", "relu-mul-add"]);
  expect(compile(f)(x).map((y) => y.data)).toEqual(f(x).map((y) => y.data));
});
