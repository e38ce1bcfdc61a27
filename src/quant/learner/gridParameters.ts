import { exp as exponential, log as logarithm } from "../../elementary.ts";
import { exp, fakeQuant, roundHalfEven, Tensor } from "../../tensor/index.ts";
import { boundedZeroPoint } from "../quantizer/lsq.ts";
import type { Scheme } from "../scheme.ts";
import type { ActivationLearner } from "./learner.ts";
import { falling } from "./rates.ts";

/** A learned zero point as a code. Shape: kept. */
export const settledZeroPoint = (zeroPoint: Tensor, { qmin, qmax }: Scheme): Tensor =>
  new Tensor(
    zeroPoint.shape,
    "f32",
    Float32Array.from(zeroPoint.data as Float32Array, (z) => Math.min(qmax, Math.max(qmin, roundHalfEven(z)))),
  );

/** Scales as logarithms, so that they stay positive while they learn. Shape: kept. */
export const logarithms = (scale: Tensor): Tensor => mapped(scale, logarithm);

/** The scales of learned logarithms. Shape: kept. */
export const scalesOf = (logScale: Tensor): Tensor => mapped(logScale, exponential);

const mapped = ({ shape, data }: Tensor, f: (v: number) => number): Tensor =>
  new Tensor(shape, "f32", Float32Array.from(data as Float32Array, f));

/** Learned scale and zero point of an activation. Source: LSQ+ eq. 3-5, AdaQuant. */
export const gridParameters = (rates: { readonly scale: number; readonly zeroPoint: number }): ActivationLearner => ({
  name: "gridParameters",
  start: ({ params }) => ({
    logScale: logarithms(params.scale),
    zeroPoint: params.zeroPoint,
  }),
  rates: () => ({ logScale: falling(rates.scale), zeroPoint: falling(rates.zeroPoint) }),
  soft: (x, { params, scheme }, { logScale, zeroPoint }) =>
    fakeQuant(x, exp(logScale), boundedZeroPoint(zeroPoint, scheme), {
      qmin: scheme.qmin,
      qmax: scheme.qmax,
      axis: params.scale.size === 1 ? null : scheme.axis,
    }),
  harden(site, { logScale, zeroPoint }) {
    return { ...site, params: { scale: scalesOf(logScale), zeroPoint: settledZeroPoint(zeroPoint, site.scheme) } };
  },
});
