import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { mul } from "./binary.ts";
import { exp, neg, square } from "./unary.ts";

type NoAttrs = Record<string, never>;

/** Derivative of erf at 0. */
const SLOPE = 2 / Math.sqrt(Math.PI);
/** Distance of the points that the function is expanded around. */
const SPACING = 1 / 8;
/** From here on erf is 1 in double: erfc(6) < 2^-55. */
const END = 6;
/** Terms of an expansion; with steps of at most 1/16 what is cut off lies below 1e-19. */
const TERMS = 13;

/** erf(c) = 2/√π e^(-c²) Σ 2ⁿ c^(2n+1) / (1 · 3 ··· (2n+1)) for c >= 0: all terms have one sign. */
function erfAt(c: number): number {
  let term = c;
  let total = 0;
  for (let n = 0; term > total * 2 ** -60; n++) {
    total += term;
    term *= (2 * c * c) / (2 * n + 3);
  }
  return SLOPE * Math.exp(-c * c) * total;
}

/** Taylor coefficients around c, from f'' = -2 x f'. */
function expansionAt(c: number): Float64Array {
  const a = new Float64Array(TERMS);
  a[0] = erfAt(c);
  a[1] = SLOPE * Math.exp(-c * c);
  for (let n = 1; n + 1 < TERMS; n++) a[n + 1] = (-2 * c * a[n]) / (n + 1) - (n > 1 ? (2 * (n - 1) * a[n - 1]) / ((n + 1) * n) : 0);
  return a;
}

const EXPANSIONS: readonly Float64Array[] = Array.from({ length: END / SPACING + 1 }, (_, k) => expansionAt(k * SPACING));

/** The error function in double: relative error below 1e-15. */
function erfOf(x: number): number {
  const size = Math.abs(x);
  if (!(size < END)) return Number.isNaN(x) ? x : Math.sign(x);
  const k = Math.floor(size / SPACING + 0.5);
  const a = EXPANSIONS[k];
  const h = size - k * SPACING;
  let value = a[TERMS - 1];
  for (let n = TERMS - 2; n >= 0; n--) value = value * h + a[n];
  return x < 0 ? -value : value;
}

/**
 * The error function 2/√π ∫₀ˣ e^(-t²) dt. Relative error below 1e-15 in f64, then one rounding to f32. Source:
 * Abramowitz and Stegun 7.1.6 at fixed points, Taylor series in between. Shape: any, kept. Errors: DTypeError for
 * integers.
 */
export const erf: Op<NoAttrs, (x: Tensor) => Tensor> = defineOp(
  {
    name: "erf",
    infer([x]) {
      requireFloat("erf", "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], _, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = erfOf(x.data[i]);
    },
    vjp: ([g], { inputs: [x] }) => [g && mul(g, mul(exp(neg(square(x))), SLOPE))],
    sample: (draw) => ({ inputs: [drawTensor(draw, drawShape(draw, 0, 3), -3, 3)], attrs: {} }),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: {} }),
  },
  (run) => (x: Tensor) => run([x], {})[0],
);
