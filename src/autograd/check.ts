import { Rng, randn, Tensor } from "../tensor/index.ts";
import { valueAndGrad } from "./grad.ts";

/** A slope along one direction, by the tape and by central difference, and |difference| / max(1, |slope|). */
export interface GradientCheck {
  /** The derivative along the direction, from the tape. */
  readonly analytic: number;
  /** The same from differences. */
  readonly numeric: number;
  /** Their distance, divided by the numeric one where that is larger than 1. */
  readonly gap: number;
}

function moved(x: Tensor, v: Tensor, t: number): Tensor {
  const data = x.data.slice();
  for (let i = 0; i < data.length; i++) data[i] += t * v.data[i];
  return new Tensor(x.shape, x.dtype, data);
}

/**
 * Compares the gradient of a scalar function with a central difference along one random direction.
 * Meaningful in f64; `step` is the half width of the difference.
 */
export function checkGradient(f: (...xs: Tensor[]) => Tensor, xs: readonly Tensor[], rng: Rng = new Rng(0), step = 1e-5): GradientCheck {
  const directions = xs.map((x) => randn(x.shape, rng, 1, x.dtype));
  const { grads } = valueAndGrad(f, xs);
  const at = (t: number) => f(...xs.map((x, k) => moved(x, directions[k], t))).data[0];
  const numeric = (at(step) - at(-step)) / (2 * step);
  let analytic = 0;
  grads.forEach((g, k) => {
    for (let i = 0; i < g.size; i++) analytic += g.data[i] * directions[k].data[i];
  });
  return { analytic, numeric, gap: Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric)) };
}
