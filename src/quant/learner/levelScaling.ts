import { abs, add, div, mul, ones, sqrt, square, sub, sum, type Tensor } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import { fakeQuantLevels } from "../quantizer/levels.ts";
import type { WeightLearner } from "./learner.ts";
import { falling } from "./rates.ts";

/** Weight of the term beside the pull of rounding variables towards their ends. */
const PULL = 0.0025;
/** Added to the squared distance, so that the slope of its root is finite where every weight is on a level. */
const TINY = 1e-12;

/**
 * A factor on every weight and one on every scale, learned straight through the nearest level; a term keeps magnitudes near
 * those of the float weights. Source: SubSetQ, section 3.3 and its code.
 *
 * Departure: the term is relative to the norm of the weights, and its weight does not fall while learning.
 */
export const levelScaling = (rate: number): WeightLearner => ({
  name: "levelScaling",
  start: (w, { params }) => ({ factor: ones(w.shape), gain: ones(params.scale.shape) }),
  rates: () => ({ factor: falling(rate), gain: falling(rate) }),
  soft: (w, site, { factor, gain }) => onLevels(mul(w, factor), mul(site.params.scale, gain), site),
  pull(learned, _, w, site) {
    const gap = sub(abs(w), abs(onLevels(mul(w, learned.factor), mul(site.params.scale, learned.gain), site)));
    const whole = norm(w);
    return mul(div(sqrt(add(sum(square(gap)), TINY)), whole > 0 ? whole : 1), w.size * PULL);
  },
  harden(w, site, { factor, gain }) {
    const scale = mul(site.params.scale, gain);
    return { tuned: onLevels(mul(w, factor), scale, site), site: { ...site, params: { ...site.params, scale } } };
  },
});

const onLevels = (w: Tensor, scale: Tensor, { levels, scheme }: SitePlan): Tensor =>
  fakeQuantLevels(w, { scale, levels: levels as Tensor }, scheme);

function norm(w: Tensor): number {
  let total = 0;
  for (const v of w.data) total += v * v;
  return Math.sqrt(total);
}
