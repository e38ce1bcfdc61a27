import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { roundHalfEven } from "../round.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { add, sub } from "./binary.ts";

/** A 16-bit float format. */
export type HalfFormat = "float16" | "bfloat16";

interface RoundFloatAttrs {
  readonly format: HalfFormat;
}

/** Bits behind the point, exponent of the smallest normal number, largest finite number. */
const FORMATS: Readonly<Record<HalfFormat, { readonly bits: number; readonly least: number; readonly largest: number }>> = {
  float16: { bits: 10, least: -14, largest: 65504 },
  bfloat16: { bits: 7, least: -126, largest: (2 - 2 ** -7) * 2 ** 127 },
};

/** Near a power of two the logarithm may be off by one step: both steps round such a number to that power. */
function rounded(x: number, { bits, least, largest }: (typeof FORMATS)[HalfFormat]): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const magnitude = Math.abs(x);
  const quantum = 2 ** (Math.max(Math.floor(Math.log2(magnitude)), least) - bits);
  const nearest = roundHalfEven(magnitude / quantum) * quantum;
  return (nearest > largest ? Infinity : nearest) * Math.sign(x);
}

/**
 * The nearest number of a 16-bit float format, ties to even, held in the dtype of x; infinite beyond the largest finite
 * number. The gradient is that of the identity (straight-through estimator). Source: IEEE 754-2019, section 4.3.1.
 */
export const roundFloat: Op<RoundFloatAttrs, (x: Tensor, options: RoundFloatAttrs) => Tensor> = defineOp(
  {
    name: "roundFloat",
    infer([x]) {
      requireFloat("roundFloat", "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], { format }, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = rounded(x.data[i], FORMATS[format]);
    },
    vjp: ([g]) => [g],
    surrogate({ inputs: [x], attrs }) {
      const residual = sub(roundFloat(x, attrs), x);
      return ([at]) => [add(at, residual)];
    },
    sample: (draw) => ({
      inputs: [drawTensor(draw, drawShape(draw, 0, 3))],
      attrs: { format: draw.oneOf(["float16", "bfloat16"] as const) },
    }),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { format: "float16" } as RoundFloatAttrs }),
  },
  (run) =>
    (x: Tensor, { format }: RoundFloatAttrs) =>
      run([x], { format })[0],
);
