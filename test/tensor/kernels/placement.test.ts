import { describe, expect, test } from "vitest";
import { StateError } from "../../../src/errors.ts";
import { add, fakeQuant, Rng, randn, relu, type Tensor, tensor } from "../../../src/tensor/index.ts";
import type { FastKernel } from "../../../src/tensor/kernels/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import { runOnce } from "../../../src/tensor/kernels/placement.ts";
import { reference } from "../../laws/bound.ts";

const kernel = (place: FastKernel["place"]): FastKernel => ({ place, bound: () => "exact" });
const x = tensor([1, 2, 3]);

describe("a call that runs once", () => {
  test("is left to the reference where it does not fit the arena", () => {
    const greedy = kernel(({ arena, scratch }) => {
      scratch(arena.memory.buffer.byteLength);
      return () => {};
    });
    expect(runOnce(greedy, [x], {}, [x])).toBeUndefined();
  });

  test("is left to the reference where the values are not accepted", () => {
    const picky: FastKernel = { ...kernel(() => () => {}), accepts: ([input]) => input!.data[0] !== 1 };
    expect(runOnce(picky, [x], {}, [x])).toBeUndefined();
    expect(runOnce(picky, [tensor([2, 2, 3])], {}, [x])).toHaveLength(1);
  });

  test("passes on other errors than a full arena", () => {
    const broken = kernel(() => {
      throw new StateError("kernel", "must fail, got nothing");
    });
    expect(() => runOnce(broken, [x], {}, [x])).toThrow("kernel: must fail");
  });

  test("starts in the empty arena and finds its inputs there", () => {
    const seen: number[] = [];
    const looking = kernel(({ arena, inputs: [input] }) => {
      const at = input!.address;
      return () => seen.push(at, ...arena.f32.subarray(at >> 2, (at >> 2) + 3));
    });
    for (let i = 0; i < 2; i++) runOnce(looking, [x], {}, [x]);
    expect(seen).toEqual([seen[0], 1, 2, 3, seen[0], 1, 2, 3]);
  });
});

describe("a long elementwise call", () => {
  const rng = new Rng("long");
  // Longer than a piece, and no multiple of one.
  const [a, b] = [randn([3, 40_001], rng), randn([3, 40_001], rng)];
  const same = (op: { readonly def: Parameters<typeof reference>[0] }, inputs: readonly Tensor[], attrs: unknown = {}): void => {
    const fast = runOnce(kernels[op.def.name]!, inputs, attrs, op.def.infer(inputs, attrs));
    expect(fast).toEqual(reference(op.def, inputs, attrs));
  };

  test("of one operand has the bits of the reference", () => same(relu, [a]));
  test("of two operands has the bits of the reference", () => same(add, [a, b]));
  test("with one number on the left has the bits of the reference", () => same(add, [tensor([0.1]), b]));
  test("with one number on the right has the bits of the reference", () => same(add, [a, tensor([0.1])]));
  test("with parameters has the bits of the reference", () =>
    same(fakeQuant, [a, tensor([0.1]), tensor([3])], { qmin: 0, qmax: 15, axis: null }));
});
