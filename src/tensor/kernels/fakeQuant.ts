import { instantiate, op } from "../../wasm/index.ts";
import type { FakeQuantAttrs } from "../ops/fakeQuant.ts";
import { roundHalfEven } from "../round.ts";
import { splitAt } from "../shape.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf, floatsOf } from "./placement.ts";
import { emitMap, type Formula } from "./unary.ts";
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
  place({ arena, inputs, outputs: [y], attrs }) {
    const { qmin, qmax, axis } = attrs as FakeQuantAttrs;
    const count = countOf(y);
    if (!allFloat(inputs) || count === 0) return undefined;
    const [x, scale, zeroPoint] = inputs;
    const { map } = instantiate("fakeQuant", () => [emitMap(formula)], arena);
    const [outer, channels, inner] = axis === null ? [1, 1, count] : splitAt(y.shape, axis);
    const [from, to] = [x.address, y.address];
    const [s, z] = [floatsOf(scale), floatsOf(zeroPoint)];
    return () => {
      for (let i = 0; i < outer * channels; i++) {
        const c = i % channels;
        map(from + 4 * i * inner, to + 4 * i * inner, inner, s[c], roundHalfEven(z[c]), qmin, qmax);
      }
    };
  },
  // Codes must be exact in f32.
  accepts([, , zeroPoint], attrs) {
    const { qmin, qmax } = attrs as FakeQuantAttrs;
    return Math.max(-qmin, qmax) < 2 ** 22 && !zeroPoint.data.some((z) => Math.abs(z) >= 2 ** 22);
  },
  elementwise: (attrs) => (attrs as FakeQuantAttrs).axis === null,
  bound: () => "exact",
};
