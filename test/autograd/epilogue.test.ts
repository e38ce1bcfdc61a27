import fc from "fast-check";
import { expect, test } from "vitest";
import { compile, grad } from "../../src/autograd/index.ts";
import { recordFunction } from "../../src/autograd/recording.ts";
import {
  add,
  conv2d,
  greater,
  mul,
  Rng,
  randn,
  relu,
  reshape,
  sigmoid,
  sum,
  type Tensor,
  where,
  withKernels,
} from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const namesOf = (f: (...inputs: Tensor[]) => readonly Tensor[], inputs: readonly Tensor[]): string[] =>
  withKernels("auto", () => recordFunction(f, inputs).units.map(({ name }) => name));

const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));

interface Shape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: number;
  readonly stride: number;
  readonly depthwise: boolean;
  readonly seed: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  channels: fc.integer({ min: 1, max: 9 }),
  height: fc.integer({ min: 1, max: 23 }),
  width: fc.integer({ min: 1, max: 23 }),
  kernel: fc.constantFrom(1, 3),
  stride: fc.constantFrom(1, 2),
  depthwise: fc.boolean(),
  seed: fc.nat(),
});

function drawn({ channels, height, width, kernel, depthwise, seed }: Shape): [x: Tensor, w: Tensor, b: Tensor] {
  const rng = new Rng(seed);
  const weight = [channels, depthwise ? 1 : channels, kernel, kernel];
  return [randn([2, channels, height, width], rng), randn(weight, rng), randn([channels], rng)];
}

const convolved = (x: Tensor, w: Tensor, bias: Tensor, { kernel, stride, depthwise, channels }: Shape): Tensor =>
  conv2d(x, w, { bias, stride, padding: (kernel - 1) / 2, groups: depthwise ? channels : 1 });

test("a chain behind a convolution runs with it, whatever of both is kept, with the bits of single calls", () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const inputs = drawn(shape);
      const forms: ((y: Tensor) => Tensor[])[] = [
        (y) => [silu(y)],
        (y) => [y, relu(y)],
        (y) => [sigmoid(y), silu(y), sum(y, { dim: 1 })],
        (y) => [add(mul(y, 2), y)],
        (y) => [where(greater(y, 0), y, mul(y, 0.1))],
        (y) => [reshape(relu(y), { shape: [y.size] })],
      ];
      for (const form of forms) {
        const f = (x: Tensor, w: Tensor, b: Tensor): Tensor[] => form(convolved(x, w, b, shape));
        const replay = compile(f);
        expect(replay(...inputs).map((y) => y.data)).toEqual(f(...inputs).map((y) => y.data));
      }
    }),
    { numRuns: runs(60) },
  );
});

test("a residual of the input, and the gradient of a block, have the bits of single calls", () => {
  fc.assert(
    fc.property(shapes, (drawnShape) => {
      const shape = { ...drawnShape, stride: 1 };
      const inputs = drawn(shape);
      const block = (x: Tensor, w: Tensor, b: Tensor): Tensor => add(silu(convolved(x, w, b, shape)), x);
      const twice = (x: Tensor, w: Tensor, b: Tensor): Tensor => block(block(x, w, b), w, b);
      expect(compile(twice)(...inputs).data).toEqual(twice(...inputs).data);
      const loss = (x: Tensor, w: Tensor, b: Tensor): Tensor => sum(convolved(silu(convolved(x, w, b, drawnShape)), w, b, shape));
      const gradients = (x: Tensor, w: Tensor, b: Tensor): (Tensor | undefined)[] => grad(loss, [x, w, b]);
      const found = compile((x, w, b) => grad(loss, [x, w, b]) as Tensor[])(...inputs);
      expect(found.map((g) => g.data)).toEqual(gradients(...inputs).map((g) => g?.data));
    }),
    { numRuns: runs(40) },
  );
});

test("only a chain that comes next, has the size of the result and keeps floats goes with the call", () => {
  const [x, w, b] = drawn({ channels: 4, height: 6, width: 6, kernel: 3, stride: 1, depthwise: false, seed: 1 });
  const conv = (x: Tensor): Tensor => conv2d(x, w, { bias: b, padding: 1 });
  expect(namesOf((x) => [relu(conv(x))], [x])).toEqual(["conv2d-relu"]);
  expect(namesOf((x) => [add(relu(conv(x)), x)], [x])).toEqual(["conv2d-relu-add"]);
  expect(namesOf((x) => [greater(conv(x), 0)], [x])).toEqual(["conv2d", "greater"]);
  expect(namesOf((x) => [relu(sum(conv(x), { dim: 0 }))], [x])).toEqual(["conv2d", "sum", "relu"]);
  const apart = (x: Tensor): Tensor[] => {
    const [y, z] = [conv(x), conv2d(x, w)];
    return [relu(y), z];
  };
  expect(namesOf(apart, [x])).toEqual(["conv2d", "conv2d", "relu"]);
});
