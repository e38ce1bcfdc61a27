import { describe, expect, test } from "vitest";
import { Tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import { runOnce } from "../../../src/tensor/kernels/placement.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";
import { clamp } from "../../../src/tensor/ops/clamp.ts";
import { roundSte } from "../../../src/tensor/ops/roundSte.ts";
import * as table from "../../../src/tensor/ops/unary.ts";
import { expectParity } from "./parity.ts";

const attrsOf: Readonly<Record<string, unknown>> = {
  clamp: { min: -1.1, max: 2.3 },
  leakyRelu: { slope: 0.01 },
  softplus: { beta: 1, threshold: 20 },
};

const ops: Readonly<Record<string, { readonly def: AnyOp }>> = { ...table, clamp, roundSte };
const names = Object.keys(ops).filter((name) => kernels[name] !== undefined);

/** Every `step`-th bit pattern of f32, infinities and NaN among them. */
function patterns(step: number): Tensor {
  const bits = Int32Array.from({ length: Math.floor(2 ** 32 / step) }, (_, i) => (i * step) | 0);
  return new Tensor([bits.length], "f32", new Float32Array(bits.buffer));
}

const SPECIAL = [0, -0, Infinity, -Infinity, Number.NaN, 1, -1, 20, -104, 88.8, 2 ** -149, -(2 ** -126), 0.625, 0.5, 2.5, -3, 3, 6];

describe("unary kernels", () => {
  test("the table covers what the models use", () => {
    expect(names).toEqual(
      expect.arrayContaining(["sigmoid", "silu", "relu", "exp", "log", "tanh", "softplus", "clamp", "hardswish", "leakyRelu"]),
    );
  });

  test.each(names)("%s holds its bound over all magnitudes", (name) => {
    expectParity(ops[name]!.def, [patterns(40009)], attrsOf[name] ?? {});
    expectParity(ops[name]!.def, [new Tensor([SPECIAL.length], "f32", Float32Array.from(SPECIAL))], attrsOf[name] ?? {});
  });

  test.each([0, 1, 3, 4, 5, 17, 32768, 32769])("lengths of %i are mapped whole", (length) => {
    const x = new Tensor(
      [length],
      "f32",
      Float32Array.from({ length }, (_, i) => i - 5),
    );
    const y = runOnce(kernels.relu!, [x], {}, [x]);
    if (length === 0) expect(y).toBeUndefined();
    else expect(y![0]!.data).toEqual(x.data.map((v) => Math.max(v, 0)));
  });

  test("a softplus that is not the plain one runs the reference", () => {
    const x = new Tensor([1], "f32", Float32Array.of(1));
    expect(runOnce(kernels.softplus!, [x], { beta: 3, threshold: 20 }, [x])).toBeUndefined();
  });
});
