import { log } from "../../elementary.ts";
import { ArgumentError } from "../../errors.ts";
import { abs, add, clamp, detach, div, floor, maximum, minimum, mul, round, sub, type Tensor, tanh } from "../../tensor/index.ts";
import type { QParams } from "../scheme.ts";
import { paramsLike } from "./codes.ts";
import { gradientOf, spread } from "./levels.ts";
import type { Quantizer } from "./quantizer.ts";
import { uniformAffine } from "./uniformAffine.ts";

/** What `dsq` takes. */
export interface DsqOptions {
  /** How far from a staircase the soft one is, in (0, 0.5): towards 0 it is the staircase. Default 0.4. */
  readonly alpha?: number;
}

/**
 * The soft staircase i + (1 + t tanh(k (v - i - 1/2))) / 2 between whole numbers i, t = 1 / (1 - alpha),
 * k = ln(2 / alpha - 1): continuous, i at i and odd about i + 1/2. Shape: any, kept. Unit: v in steps.
 *
 * Source: Gong et al. 2019.
 *
 * Errors: ArgumentError unless alpha lies in (0, 0.5).
 */
export function softStaircase(v: Tensor, alpha: number): Tensor {
  if (!(alpha > 0 && alpha < 0.5)) throw new ArgumentError("dsq", `alpha must lie in (0, 0.5), got ${alpha}`);
  const t = 1 / (1 - alpha);
  const k = log(2 / alpha - 1);
  const cell = floor(detach(v));
  return add(cell, mul(add(mul(tanh(mul(sub(sub(v, cell), 0.5), k)), t), 1), 0.5));
}

/**
 * Differentiable soft quantization: the uniform grid forwards, the slope of the soft staircase backwards. The scale gets
 * code - zero point - slope * x / scale inside; beyond the ends gradients are LSQ's.
 *
 * Source: Gong et al. 2019.
 *
 * Errors: ArgumentError unless alpha lies in (0, 0.5).
 */
export function dsq({ alpha = 0.4 }: DsqOptions = {}): Quantizer<QParams> {
  if (!(alpha > 0 && alpha < 0.5)) throw new ArgumentError("dsq", `alpha must lie in (0, 0.5), got ${alpha}`);
  return {
    ...uniformAffine,
    name: "dsq",
    fakeQuant(x, params, scheme) {
      const { qmin, qmax, axis } = scheme;
      const onGrid = uniformAffine.fakeQuant(detach(x), { scale: detach(params.scale), zeroPoint: detach(params.zeroPoint) }, scheme);
      const own = paramsLike(x, params);
      const [scale, zero] = [spread(own.scale, x, axis), spread(own.zeroPoint, x, axis)];
      // Beyond all codes only the side counts, and the ratio, its slopes and the cell must be finite.
      const reach = mul(abs(detach(scale)), qmax - qmin + 1);
      const v = div(maximum(minimum(x, reach), mul(reach, -1)), scale);
      const settled = add(round(detach(zero)), gradientOf(zero));
      // The code is the rounded one; the slope of the soft staircase passes where the rounded code is among the codes.
      const code = add(add(round(detach(v)), gradientOf(softStaircase(v, alpha))), settled);
      const steps = sub(clamp(code, { min: qmin, max: qmax }), settled);
      return add(onGrid, gradientOf(mul(steps, scale)));
    },
  };
}
