import { abs, div, mul, ones, sqrt, square, sub, sum, type Tensor } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import { fakeQuantLevels } from "../quantizer/levels.ts";
import type { WeightLearner } from "./learner.ts";
import { falling } from "./rates.ts";

/**
 * A factor on every weight and one on every scale, learned straight through the nearest level; a term keeps magnitudes near
 * those of the float weights. Source: SubSetQ, section 3.3 and its code.
 */
export const levelScaling = (rate: number): WeightLearner => ({
  name: "levelScaling",
  start: (w, { params }) => ({ factor: ones(w.shape), gain: ones(params.scale.shape) }),
  rates: () => ({ factor: falling(rate), gain: falling(rate) }),
  soft: (w, site, { factor, gain }) => onLevels(mul(w, factor), mul(site.params.scale, gain), site),
  pull(learned, _, w, site) {
    const gap = sub(abs(w), abs(onLevels(mul(w, learned.factor), mul(site.params.scale, learned.gain), site)));
    const whole = norm(w);
    return mul(div(sqrt(sum(square(gap))), whole > 0 ? whole : 1), w.size);
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
