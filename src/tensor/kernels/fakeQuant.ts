import { instantiate, op, sharedArena } from "../../wasm/index.ts";
import type { FakeQuantAttrs } from "../ops/fakeQuant.ts";
import { roundHalfEven } from "../round.ts";
import { splitAt } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import type { FastKernel } from "./index.ts";
import { floats, stage, staged } from "./staging.ts";
import { emitMap, type Formula, mapAll } from "./unary.ts";
import { above, add, below, div, mul, sub } from "./vectorMath.ts";

/** Codes are whole and never -0 once the zero point is added, so one-instruction bounds give the same bits. */
const formula: Formula = {
  apply: (_, x, [scale, zeroPoint, low, high]) => {
    const code = add(op("f32x4.nearest", div(x, scale!)), zeroPoint!);
    return mul(sub(below(above(code, low!), high!), zeroPoint!), scale!);
  },
};

/** Bit-exact: division, rounding, clipping and scaling are the IEEE steps of the reference. */
export const fakeQuant: FastKernel = {
  run(inputs, attrs, [meta]) {
    const arrays = floats(inputs);
    if (!arrays || arrays[0]!.length === 0) return undefined;
    const [x, scale, zeroPoint] = arrays as [Float32Array, Float32Array, Float32Array];
    const { qmin, qmax, axis } = attrs as FakeQuantAttrs;
    // Codes must be exact in f32.
    if (Math.max(-qmin, qmax) >= 2 ** 22 || zeroPoint.some((z) => Math.abs(z) >= 2 ** 22)) return undefined;
    const arena = sharedArena();
    const map = instantiate("fakeQuant", () => [emitMap(formula)], arena).map!;
    if (axis === null) {
      return [new Tensor(meta!.shape, "f32", mapAll(arena, map, x, [scale[0]!, roundHalfEven(zeroPoint[0]!), qmin, qmax]))];
    }
    const [outer, channels, inner] = splitAt(meta!.shape, axis);
    return staged(() => {
      const source = stage(arena, x);
      const y = arena.allocate(4 * x.length);
      for (let i = 0; i < outer * channels; i++) {
        const c = i % channels;
        map(source + 4 * i * inner, y + 4 * i * inner, inner, scale[c]!, roundHalfEven(zeroPoint[c]!), qmin, qmax);
      }
      return [new Tensor(meta!.shape, "f32", arena.read(y, x.length))];
    });
  },
  bound: () => "exact",
};
