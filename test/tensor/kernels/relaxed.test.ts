import fc from "fast-check";
import { expect, test } from "vitest";
import { compile } from "../../../src/autograd/index.ts";
import { bind, conv2d, matmul, Rng, randn, type Tensor, withKernels } from "../../../src/tensor/index.ts";
import { hasRelaxedMadd } from "../../../src/tensor/kernels/gemmTile.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import { absolute, expectWithin, reference } from "../../laws/bound.ts";
import { runs } from "../../runs.ts";

const size = fc.integer({ min: 1, max: 20 });

test("relaxed products keep the bound of the others", () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 1, max: 300 }), size, fc.integer(), (rows, terms, columns, seed) => {
      const rng = new Rng(seed);
      const inputs = [randn([rows, terms], rng), randn([terms, columns], rng)];
      const fast = withKernels("relaxed", () => bind(matmul.def, inputs, {}));
      const bound = kernels.matmul!.bound(inputs, {});
      expectWithin(fast, reference(matmul.def, inputs, {}), bound, () => reference(matmul.def, inputs.map(absolute), {}));
    }),
    { numRuns: runs(100) },
  );
});

const bitsOf = (y: Tensor): number[] => [...new Uint32Array(y.data.buffer, y.data.byteOffset, y.size)];

test("a compiled function keeps each policy's code apart", () => {
  const rng = new Rng(1);
  const [x, w] = [randn([1, 40, 9, 9], rng), randn([24, 40, 3, 3], rng)];
  const f = compile((x: Tensor, w: Tensor) => [conv2d(x, w, { padding: 1 })]);
  for (const policy of ["auto", "relaxed", "auto", "relaxed"] as const) {
    const [replayed, eager] = withKernels(policy, () => [f(x, w)[0]!, conv2d(x, w, { padding: 1 })]);
    expect(bitsOf(replayed!)).toEqual(bitsOf(eager!));
  }
});

test.skipIf(hasRelaxedMadd())("without the instruction relaxed has the bits of auto", () => {
  const rng = new Rng(2);
  const [a, b] = [randn([32, 100], rng), randn([100, 32], rng)];
  const [auto, relaxed] = (["auto", "relaxed"] as const).map((policy) => bitsOf(withKernels(policy, () => matmul(a, b))));
  expect(relaxed).toEqual(auto);
});
