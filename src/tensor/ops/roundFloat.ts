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
  /** Ties go to even; toward zero cuts the lower bits. */
  readonly toward: "nearest" | "zero";
}

type RoundFloatOptions = Pick<RoundFloatAttrs, "format"> & Partial<RoundFloatAttrs>;

/** Bits behind the point, exponent of the smallest normal number, largest finite number. */
const FORMATS: Readonly<Record<HalfFormat, { readonly bits: number; readonly least: number; readonly largest: number }>> = {
  float16: { bits: 10, least: -14, largest: 65504 },
  bfloat16: { bits: 7, least: -126, largest: (2 - 2 ** -7) * 2 ** 127 },
};

/** The k of 2^k <= x < 2^(k + 1); a logarithm alone may be off by one next to a power of two. */
function exponentOf(x: number): number {
  const k = Math.floor(Math.log2(x));
  return 2 ** k > x ? k - 1 : x >= 2 ** (k + 1) ? k + 1 : k;
}

function rounded(x: number, { format, toward }: RoundFloatAttrs): number {
  const { bits, least, largest } = FORMATS[format];
  if (x === 0 || !Number.isFinite(x)) return x;
  const magnitude = Math.abs(x);
  const quantum = 2 ** (Math.max(exponentOf(magnitude), least) - bits);
  const steps = magnitude / quantum;
  if (toward === "zero") return Math.min(Math.floor(steps) * quantum, largest) * Math.sign(x);
  const nearest = roundHalfEven(steps) * quantum;
  return (nearest > largest ? Infinity : nearest) * Math.sign(x);
}

/**
 * The nearest number of a 16-bit float format, or by `toward: "zero"` the next one towards 0, held in the dtype of x. Beyond
 * the largest finite number the nearest is infinite. The gradient is that of the identity (straight-through estimator).
 *
 * Shape: x of any shape -> the same shape. Errors: DTypeError for integers. Source: IEEE 754-2019, section 4.3.1.
 */
export const roundFloat: Op<RoundFloatAttrs, (x: Tensor, options: RoundFloatOptions) => Tensor> = defineOp(
  {
    name: "roundFloat",
    infer([x]) {
      requireFloat("roundFloat", "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], attrs, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = rounded(x.data[i], attrs);
    },
    vjp: ([g]) => [g],
    surrogate({ inputs: [x], attrs }) {
      const residual = sub(roundFloat(x, attrs), x);
      return ([at]) => [add(at, residual)];
    },
    sample: (draw) => ({
      inputs: [drawTensor(draw, drawShape(draw, 0, 3))],
      attrs: { format: draw.oneOf(["float16", "bfloat16"] as const), toward: draw.oneOf(["nearest", "zero"] as const) },
    }),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { format: "float16", toward: "nearest" } as RoundFloatAttrs }),
  },
  (run) =>
    (x: Tensor, { format, toward = "nearest" }: RoundFloatOptions) =>
      run([x], { format, toward })[0],
);
