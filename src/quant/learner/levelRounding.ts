import { ArgumentError } from "../../errors.ts";
import { add, mul, Tensor } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import { roundingAt, softRounding } from "../quantizer/adaround.ts";
import { indexOfLevels } from "../quantizer/levels.ts";
import type { WeightLearner } from "./learner.ts";
import { steady } from "./rates.ts";
import { pullToEnds } from "./rounding.ts";

/**
 * Learned rounding on a grid of any levels: each weight goes to the level below or above it. Source: AdaRound eq. 23 on the
 * neighbours of a non-uniform grid (Reg-PTQ section 4.3 combines the two).
 */
export const levelRounding = (rate: number): WeightLearner => ({
  name: "levelRounding",
  start(w, site) {
    const { low, high } = neighbours(w, site);
    const share = (i: number): number => (high[i] > low[i] ? Math.min(1, Math.max(0, (w.data[i] - low[i]) / (high[i] - low[i]))) : 0);
    return {
      rounding: new Tensor(
        w.shape,
        "f32",
        Float32Array.from(low, (_, i) => roundingAt(share(i))),
      ),
    };
  },
  rates: () => ({ rounding: steady(rate) }),
  soft(w, site, { rounding }) {
    const { low, high } = neighbours(w, site);
    const gap = Float32Array.from(high, (v, i) => v - low[i]);
    return add(new Tensor(w.shape, "f32", low), mul(softRounding(rounding), new Tensor(w.shape, "f32", gap)));
  },
  pull: ({ rounding }, sharpness) => pullToEnds(rounding, sharpness),
  harden(w, site, { rounding }) {
    const { low, high } = neighbours(w, site);
    return {
      tuned: new Tensor(
        w.shape,
        "f32",
        low.map((v, i) => (rounding.data[i] >= 0 ? high[i] : v)),
      ),
      site,
    };
  },
});

/** The levels on either side of every weight, in its own units; both the end level beyond the ends. */
function neighbours(w: Tensor, { params, scheme, levels }: SitePlan): { low: Float32Array; high: Float32Array } {
  if (!levels) throw new ArgumentError("levelRounding", "the grid must have levels, got a uniform one");
  const { axis } = scheme;
  const count = levels.shape[levels.shape.length - 1];
  const inner = axis === null ? w.size : w.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const channels = axis === null ? 1 : w.shape[axis];
  const nearest = indexOfLevels(w, { scale: params.scale, levels }, scheme);
  const low = new Float32Array(w.size);
  const high = new Float32Array(w.size);
  for (let i = 0; i < w.size; i++) {
    const c = Math.floor(i / inner) % channels;
    const scale = params.scale.data[params.scale.size === 1 ? 0 : c];
    const row = levels.shape.length === 2 ? c * count : 0;
    const at = (k: number): number => Math.fround(levels.data[row + k] * scale);
    const k = nearest.data[i];
    const below = at(k) <= w.data[i] ? k : Math.max(0, k - 1);
    low[i] = at(below);
    high[i] = w.data[i] <= low[i] ? low[i] : at(Math.min(count - 1, below + 1));
  }
  return { low, high };
}
