import {
  abs,
  add,
  cast,
  clamp,
  detach,
  div,
  fakeQuant,
  greaterEqual,
  lessEqual,
  mul,
  round,
  roundHalfEven,
  square,
  sub,
  sum,
  Tensor,
  where,
} from "../../tensor/index.ts";
import type { QParams, Scheme } from "../scheme.ts";
import { normal } from "./clip.ts";
import { decode, encode } from "./codes.ts";
import { gradientOf, spread } from "./levels.ts";
import type { Quantizer } from "./quantizer.ts";

/** Both ends of the clip, [1] or [C], in units of the values. The lower one is 0 and stays there where codes are unsigned. */
export type PactParams = {
  /** The upper end. */
  readonly alpha: Tensor;
  /** The lower end. */
  readonly negativeAlpha: Tensor;
};

/** What `pact` takes. */
export interface PactOptions {
  /** Where the clip starts. Default: the end of the range (10 in the paper, 6 in MQBench). */
  readonly alpha?: number;
}

/** A clip of nothing but negative values starts at this share of the lower end above 0: |0| would have no gradient. */
const FIRST_SHARE = 2 ** -10;

/** No clip is smaller, whichever way an optimiser pushes it. */
const SMALLEST = 2 ** -100;

const f32 = (values: readonly number[]): Tensor => new Tensor([values.length], "f32", Float32Array.from(values));

/** The ends in the float type of x, on their sides of 0; the gradient of a lower end stays above it. */
function endsOf({ alpha, negativeAlpha }: PactParams, dtype: Tensor["dtype"], { signed }: Scheme): { low: Tensor; high: Tensor } {
  const low = cast(negativeAlpha, dtype);
  return {
    high: clamp(abs(cast(alpha, dtype)), { min: SMALLEST }),
    low: signed ? add(detach(clamp(low, { max: 0 })), gradientOf(low)) : mul(low, 0),
  };
}

/** The grid over the clip: s = (alpha - n) / (qmax - qmin), z = qmin - round(n / s), from the rounded scale. Shapes: those of the ends. Source: PACT. */
export function pactGrid(params: PactParams, scheme: Scheme): QParams {
  const { low, high } = endsOf(params, params.alpha.dtype, scheme);
  const scale = div(sub(high, low), scheme.qmax - scheme.qmin);
  return { scale, zeroPoint: sub(scheme.qmin, round(div(low, scale))) };
}

/** x cut to the clip: the gradient goes to alpha from the values at or above it, to the lower end from those at or below it. */
function clipped(x: Tensor, params: PactParams, scheme: Scheme): Tensor {
  const ends = endsOf(params, x.dtype, scheme);
  const [low, high] = [spread(ends.low, x, scheme.axis), spread(ends.high, x, scheme.axis)];
  return where(greaterEqual(x, high), high, where(lessEqual(x, low), low, x));
}

/**
 * Clip learner: values are cut to [0, alpha], or [n, alpha] where codes are signed, and put on the uniform grid between.
 * Alpha gets the gradient of the values at or above it, the lower end that of those at or below it, x the rest; the scale
 * has none.
 *
 * Departure: the clip starts at the end of the range. Unstated: the lower end of signed inputs; it is learned like alpha. Where
 * no value is above 0, alpha starts at a small share of it.
 *
 * Source: Choi et al. 2018.
 */
export function pact({ alpha }: PactOptions = {}): Quantizer<PactParams> {
  return {
    name: "pact",
    init: ({ min, max }, { signed }) => ({
      alpha: f32(Array.from(max, (end, c) => alpha ?? normal(Math.max(end, signed ? -FIRST_SHARE * min[c] : 0)))),
      negativeAlpha: f32(Array.from(min, (end) => (signed ? (alpha === undefined ? Math.min(end, 0) : -alpha) : 0))),
    }),
    fakeQuant(x, params, scheme) {
      const cut = clipped(x, params, scheme);
      const { scale, zeroPoint } = pactGrid(params, scheme);
      const { qmin, qmax, axis } = scheme;
      const grid = { qmin, qmax, axis: scale.size === 1 ? null : axis };
      const onGrid = fakeQuant(detach(cut), cast(detach(scale), x.dtype), cast(detach(zeroPoint), x.dtype), grid);
      return add(onGrid, gradientOf(cut));
    },
    quantize: (x, params, scheme) => encode("pact", clipped(x, params, scheme), pactGrid(params, scheme), scheme, roundHalfEven),
    dequantize: (codes, params, scheme) => decode("pact", codes, pactGrid(params, scheme), scheme),
    learnable: ["alpha", "negativeAlpha"],
  };
}

/** The penalty that keeps clips small: weight / 2 times the sum of their squares, a scalar (PACT section 3). */
export function pactPenalty({ alpha, negativeAlpha }: PactParams, weight: number): Tensor {
  return mul(add(sum(square(alpha)), sum(square(negativeAlpha))), weight / 2);
}
