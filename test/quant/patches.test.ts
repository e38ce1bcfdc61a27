import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findLayers, type Node } from "../../src/graph/index.ts";
import { patchView } from "../../src/quant/patches.ts";
import { conv2d, convTranspose2d, matmul, Rng, randn, Tensor, viewAs } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

/** The layer a single op call with a parameter weight makes. */
function layerOf(op: Node["op"], attrs: unknown, weight: Tensor) {
  const node: Node = { name: "layer", op, attrs, inputs: ["x", "w"], outputs: ["y"] };
  return findLayers([node], new Map([["w", weight]]))[0];
}

/** Every output volume of y as the columns of W P. */
function viaPatches(layer: ReturnType<typeof layerOf>, x: Tensor, weight: Tensor, y: Tensor): Float32Array {
  const view = patchView(layer, weight.shape);
  const count = y.size / view.outputs;
  const patches = new Float32Array(view.inputs * view.taps * count);
  view.gather(
    x,
    y.shape,
    Int32Array.from({ length: count }, (_, p) => p),
    patches,
    0,
    count,
  );
  const matrix = view.matrix(weight);
  const product = matmul(matrix, viewAs(new Tensor([patches.length], "f32", patches), [view.groups, matrix.shape[2], count]));
  return product.data as Float32Array;
}

function expectClose(got: Float32Array, want: ArrayLike<number>): void {
  for (let i = 0; i < got.length; i++) expect(Math.abs(got[i] - want[i])).toBeLessThan(1e-4);
}

const small = fc.integer({ min: 1, max: 2 });
const geometry = fc.record({ seed: fc.integer(), k: fc.integer({ min: 1, max: 3 }), stride: small, groups: small, per: small, out: small });

describe("patchView", () => {
  it("reproduces a convolution, grouped, strided and padded", () => {
    fc.assert(
      fc.property(geometry, ({ seed, k, stride, groups, per, out }) => {
        const rng = new Rng(seed);
        const x = randn([1, groups * per, 6, 5], rng);
        const weight = randn([groups * out, per, k, k], rng);
        const attrs = { stride: [stride, stride], padding: [1, 0, 1, 1], dilation: [1, 1], groups } as const;
        const y = conv2d(x, weight, { stride, padding: [1, 0, 1, 1], groups });
        expectClose(viaPatches(layerOf(conv2d.def, attrs, weight), x, weight, y), y.data);
      }),
      { numRuns: runs(40) },
    );
  });

  it("reproduces a transposed convolution", () => {
    fc.assert(
      fc.property(geometry, ({ seed, k, stride, groups, per, out }) => {
        const rng = new Rng(seed);
        const x = randn([1, groups * per, 4, 3], rng);
        const weight = randn([groups * per, out, k + 1, k + 1], rng);
        const attrs = { stride: [stride, stride], padding: [1, 1, 1, 1], dilation: [1, 1], groups, outputPadding: [0, 0] } as const;
        const y = convTranspose2d(x, weight, { stride, padding: 1, groups });
        expectClose(viaPatches(layerOf(convTranspose2d.def, attrs, weight), x, weight, y), y.data);
      }),
      { numRuns: runs(40) },
    );
  });

  it("reproduces a matrix product, outputs first", () => {
    const rng = new Rng(1);
    const x = randn([1, 4, 5], rng);
    const weight = randn([5, 3], rng);
    const y = matmul(x, weight);
    const got = viaPatches(layerOf(matmul.def, {}, weight), x, weight, y);
    for (let p = 0; p < 4; p++) for (let o = 0; o < 3; o++) expect(got[o * 4 + p]).toBeCloseTo(y.data[p * 3 + o], 4);
  });
});
