import { abs, clamp, exp, log, mul, sub, sum, type Tensor } from "../../tensor/index.ts";
import { adaround, initialRounding, softRounding } from "../quantizer/adaround.ts";
import type { WeightLearner } from "./learner.ts";
import { steady } from "./rates.ts";

/** |2h - 1| is kept off 0, where its logarithm has no gradient. */
const LEAST = 1e-6;

/** By weight 1 - |2 h(V) - 1|^sharpness: 0 where it has decided. Shape: kept. Source: AdaRound eq. 24. */
export function indecision(rounding: Tensor, sharpness: Tensor): Tensor {
  const off = clamp(abs(sub(mul(softRounding(rounding), 2), 1)), { min: LEAST });
  return sub(1, exp(mul(log(off), sharpness)));
}

/** The sum over all weights: 0 where every one has decided. */
export const pullToEnds = (rounding: Tensor, sharpness: Tensor): Tensor => sum(indecision(rounding, sharpness));

/**
 * Learned rounding: each weight goes to the code below or above it.
 *
 * Departure: the pull is a mean over the weights of a unit where AdaRound sums, and reconstruction is relative to its start,
 * so that one weight of the term serves layers of all sizes.
 *
 * Source: AdaRound eq. 21-24.
 */
export const rounding = (rate: number): WeightLearner => ({
  name: "rounding",
  start: (w, { params, scheme }) => ({ rounding: initialRounding(w, params, scheme.axis) }),
  rates: () => ({ rounding: steady(rate) }),
  soft: (w, { params, scheme }, { rounding: v }) => adaround.fakeQuant(w, { ...params, rounding: v }, scheme),
  pull: ({ rounding: v }, sharpness) => pullToEnds(v, sharpness),
  harden(w, site, { rounding: v }) {
    const params = { ...site.params, rounding: v };
    return { tuned: adaround.dequantize(adaround.quantize(w, params, site.scheme), params, site.scheme), site };
  },
});
