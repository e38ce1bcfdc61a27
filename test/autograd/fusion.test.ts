import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile, grad, Program } from "../../src/autograd/index.ts";
import { recordFunction } from "../../src/autograd/recording.ts";
import {
  add,
  clamp,
  conv2d,
  div,
  equal,
  exp,
  fakeQuant,
  greater,
  greaterEqual,
  leakyRelu,
  less,
  lessEqual,
  maximum,
  mul,
  Rng,
  randn,
  relu,
  relu6,
  reshape,
  round,
  sigmoid,
  softplus,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
  withKernels,
} from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const rng = new Rng("fusion");
const [scale, zeroPoint] = [tensor([0.25]), tensor([2])];

/** Maps from element to element, and a few steps that end a chain or let one through. */
const operations: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  add,
  sub,
  mul,
  maximum,
  (a, b) => div(a, add(square(b), 1)),
  (a) => relu(a),
  (a) => sigmoid(a),
  (a) => softplus(a),
  (a) => leakyRelu(a, { slope: 0.1 }),
  (a) => clamp(a, { min: -0.5, max: 0.75 }),
  (a) => round(a),
  (a) => mul(a, 0.5),
  (a) => fakeQuant(a, scale, zeroPoint, { qmin: -8, qmax: 7 }),
  (a) => fakeQuant(a, add(square(sum(a)), 0.1), zeroPoint, { qmin: -8, qmax: 7 }),
  (a, b) => where(greater(a, b), a, b),
  (a, b) => where(greaterEqual(a, b), b, 0),
  (a, b) => where(less(a, b), 1, b),
  (a, b) => where(lessEqual(a, b), a, b),
  (a, b) => where(equal(a, relu(a)), a, b),
  (a) => reshape(a, { shape: [a.size] }),
  (a) => sub(a, sum(a)),
];

type Steps = readonly { readonly op: number; readonly a: number; readonly b: number; readonly kept: boolean }[];
const steps: fc.Arbitrary<Steps> = fc.array(
  fc.record({ op: fc.nat(operations.length - 1), a: fc.nat(), b: fc.nat(), kept: fc.boolean() }),
  { minLength: 1, maxLength: 30 },
);

/** A random program on tensors of one size, whose shapes views may change; kept steps are results, masks among them. */
const randomProgram =
  (list: Steps) =>
  (...inputs: Tensor[]): Tensor[] => {
    const made = [...inputs];
    const results: Tensor[] = [];
    for (const { op, a, b, kept } of list) {
      const left = made[a % made.length]!;
      const right = reshape(made[b % made.length]!, { shape: left.shape });
      const y = operations[op]!(left, right);
      made.push(y);
      if (kept) results.push(y, less(y, right));
    }
    return [...results, made[made.length - 1]!];
  };

const expectSame = (got: readonly Tensor[], want: readonly Tensor[]): void => {
  expect(got.map(({ shape, dtype }) => [shape, dtype])).toEqual(want.map(({ shape, dtype }) => [shape, dtype]));
  got.forEach((y, k) => {
    y.data.forEach((v, i) => {
      if (!Object.is(v, want[k]!.data[i])) expect(v, `result ${k} at ${i}`).toBe(want[k]!.data[i]);
    });
  });
};

const chainsOf = (f: (...xs: Tensor[]) => readonly Tensor[], xs: readonly Tensor[]): number[] =>
  recordFunction(f, xs).units.flatMap(({ chain }) => (chain ? [chain.steps.length] : []));

/** A test of what is recorded where kernels run. */
const structure = (name: string, check: () => void): void => test(name, () => withKernels("auto", check));

describe("chains of maps from element to element", () => {
  test.for([1, 3, 4, 18, 31])("have the bits of the eager calls, run after run, on %d elements", (size) => {
    fc.assert(
      fc.property(steps, (list) => {
        const f = randomProgram(list);
        const compiled = compile(f);
        for (let i = 0; i < 2; i++) {
          const xs = [randn([size], rng), randn([1, size], rng)];
          expectSame(compiled(...xs), f(...xs));
        }
      }),
      { numRuns: runs(40) },
    );
  });

  test("have the bits of the eager calls where they run in several pieces", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(65_536, 70_003), (list, size) => {
        const f = randomProgram(list.slice(0, 8));
        const xs = [randn([size], rng), randn([size], rng)];
        expectSame(compile(f)(...xs), f(...xs));
      }),
      { numRuns: runs(5) },
    );
  });

  structure("keep what nobody reads afterwards out of memory", () => {
    const f = (x: Tensor) => [relu(add(mul(x, 2), square(x)))];
    const x = randn([1000], rng);
    const buffer = (count: number) => Math.ceil((4 * count) / 64) * 64 + 64;
    // The input, its two times two, and the result.
    expect(new Program(f, [x]).bytes).toBe(buffer(1000) + buffer(1) + buffer(1000));
    expect(chainsOf(f, [x])).toEqual([4]);
  });

  structure("read through views, and drop those that nobody else reads", () => {
    const x = randn([4, 5], rng);
    const f = (x: Tensor) => [relu(reshape(mul(x, x), { shape: [20] }))];
    expect(recordFunction(f, [x]).units.map(({ name }) => name)).toEqual(["mul-relu"]);
    const kept = (x: Tensor) => {
      const row = reshape(mul(x, x), { shape: [1, 1, 4, 5] });
      return [relu(row), conv2d(row, tensor([2], [1, 1, 1, 1]))];
    };
    expect(recordFunction(kept, [x]).units.map(({ name }) => name)).toEqual(["mul-relu", "reshape", "conv2d"]);
    expectSame(compile(kept)(x), kept(x));
  });

  structure("end where another size begins, and before they are too long", () => {
    const [x, y] = [randn([8], rng), randn([12], rng)];
    expect(chainsOf((a, b) => [relu(a), relu(square(a)), relu(b)], [x, y])).toEqual([3, 1]);
    const long = (a: Tensor) => [Array.from({ length: 40 }).reduce<Tensor>((v) => mul(v, a), a)];
    expect(Math.max(...chainsOf(long, [x]))).toBeLessThanOrEqual(16);
    const dear = (a: Tensor) => [Array.from({ length: 9 }).reduce<Tensor>((v) => exp(mul(v, -1)), a)];
    expect(chainsOf(dear, [x]).length).toBeGreaterThan(1);
    expectSame(compile(long)(x), long(x));
    expectSame(compile(dear)(x), dear(x));
  });

  structure("hold the masks of a derivative in registers", () => {
    const slope = (x: Tensor, g: Tensor): readonly Tensor[] => grad((v) => sum(mul(relu(v), g)), [x]);
    const xs = [randn([100], rng), randn([100], rng)] as const;
    const masks = recordFunction(slope, xs).units.flatMap(({ outputs }) => outputs.filter((y) => y.dtype === "u8"));
    expect(masks).toEqual([]);
    expectSame(compile(slope)(...xs), slope(...xs));
    const clipped = (x: Tensor, g: Tensor): readonly Tensor[] => grad((v) => sum(mul(relu6(v), g)), [x]);
    expectSame(compile(clipped)(...xs), clipped(...xs));
  });

  structure("leave a quantizer whose zero point comes later to a call that checks it", () => {
    const f = (x: Tensor, z: Tensor) => [fakeQuant(x, scale, z, { qmin: -8, qmax: 7 })];
    const x = randn([9], rng);
    for (const z of [tensor([1]), tensor([2 ** 23])]) expectSame(compile(f)(x, z), f(x, z));
    expect(chainsOf(f, [x, tensor([1])])).toEqual([]);
  });
});
