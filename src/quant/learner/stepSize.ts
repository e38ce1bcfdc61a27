import { exp, fakeQuant } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import { logarithms, scalesOf } from "./gridParameters.ts";
import type { ActivationLearner } from "./learner.ts";
import { falling } from "./rates.ts";

/** Learned step size of an activation, as its logarithm so that it stays positive; the zero point stays. Source: LSQ, QDrop section 4. */
export const stepSize = (rate: number): ActivationLearner => ({
  name: "stepSize",
  start: ({ params }) => ({ logScale: logarithms(params.scale) }),
  rates: () => ({ logScale: falling(rate) }),
  soft: (x, { params, scheme }, { logScale }) =>
    fakeQuant(x, exp(logScale), params.zeroPoint, {
      qmin: scheme.qmin,
      qmax: scheme.qmax,
      axis: params.scale.size === 1 ? null : scheme.axis,
    }),
  harden: (site: SitePlan, { logScale }) => ({ ...site, params: { ...site.params, scale: scalesOf(logScale) } }),
});
