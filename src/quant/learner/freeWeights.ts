import { add, exp, fakeQuant, zeros } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import { boundedZeroPoint } from "../quantizer/lsq.ts";
import { uniformAffine } from "../quantizer/uniformAffine.ts";
import { logarithms, scalesOf, settledZeroPoint } from "./gridParameters.ts";
import type { Learned, WeightLearner } from "./learner.ts";
import { falling } from "./rates.ts";

/** Learning rates, relative to what they move: steps of the grid, logarithms of scales, codes. */
export interface FreeWeightRates {
  readonly weight: number;
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Weights and their grid learned together, straight through the rounding: a weight may move by more than one code.
 *
 * Departure: rates are relative to the step of each weight and to the scale, where AdaQuant's are absolute and tuned for 8
 * bits. Source: AdaQuant eq. 6.
 */
export const freeWeights = (rates: FreeWeightRates): WeightLearner => ({
  name: "freeWeights",
  start: (w, { params }) => ({
    offset: zeros(w.shape),
    logScale: logarithms(params.scale),
    zeroPoint: params.zeroPoint,
  }),
  rates(_, { params, scheme }) {
    const steps = params.scale.data as Float32Array;
    const typical = steps.reduce((a, b) => a + b, 0) / steps.length;
    return {
      offset: falling(rates.weight * typical),
      logScale: falling(rates.scale),
      zeroPoint: falling(scheme.mapping === "affine" ? rates.zeroPoint : 0),
    };
  },
  soft(w, { scheme }, { offset, logScale, zeroPoint }) {
    return fakeQuant(add(w, offset), exp(logScale), boundedZeroPoint(zeroPoint, scheme), {
      qmin: scheme.qmin,
      qmax: scheme.qmax,
      axis: scheme.axis,
    });
  },
  harden(w, site, learned) {
    const moved = add(w, learned.offset);
    const grid = gridOf(site, learned);
    return {
      tuned: uniformAffine.dequantize(uniformAffine.quantize(moved, grid.params, grid.scheme), grid.params, grid.scheme),
      site: grid,
    };
  },
});

function gridOf(site: SitePlan, { logScale, zeroPoint }: Learned): SitePlan {
  return { ...site, params: { scale: scalesOf(logScale), zeroPoint: settledZeroPoint(zeroPoint, site.scheme) } };
}
