import { ArgumentError } from "../../errors.ts";
import { add, allocate, cast, flatten, indexSelect, mul, reshape, sub, Tensor } from "../../tensor/index.ts";
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
  start: (w, site) => ({ rounding: startOfRounding(w, levelsAround(w, site)) }),
  rates: () => ({ rounding: steady(rate) }),
  soft(w, site, { rounding }) {
    const { values, low, high } = levelsAround(w, site);
    const below = valuesAt(values, low);
    return add(below, mul(softRounding(rounding), sub(valuesAt(values, high), below)));
  },
  pull: ({ rounding }, sharpness) => pullToEnds(rounding, sharpness),
  harden(w, site, { rounding }) {
    const { values, ...places } = levelsAround(w, site);
    return { tuned: valuesAt(values, chosenPlaces(places, rounding)), site };
  },
});

/** Where every weight may go: places in the flattened table of values, i32, of the shape of the weight. */
export interface LevelPlaces {
  /** Of the level at or below the weight; the lowest for what lies below it. */
  readonly low: Tensor;
  /** Of the level above; that of `low` for a weight on a level or beyond the ends. */
  readonly high: Tensor;
}

/** The values of a grid's levels in units of the weight: one row a scale. Shapes: scale [C], levels [L] or [C, L] → [C, L]. */
export function valuesOfLevels({ params: { scale }, levels }: SitePlan, dtype: Tensor["dtype"]): Tensor {
  if (!levels) throw new ArgumentError("levelRounding", "the grid must have levels, got a uniform one");
  const count = levels.shape[levels.shape.length - 1];
  const rows = reshape(cast(levels, dtype), { shape: [levels.size / count, count] });
  return mul(rows, reshape(cast(scale, dtype), { shape: [scale.size, 1] }));
}

/** The values of a grid's levels [C, L], and the places of those on either side of every weight. */
export function levelsAround(w: Tensor, site: SitePlan): LevelPlaces & { readonly values: Tensor } {
  const { params, scheme, levels } = site;
  const values = valuesOfLevels(site, w.dtype);
  const [rows, count] = values.shape;
  const { axis } = scheme;
  const inner = axis === null ? w.size : w.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const nearest = indexOfLevels(w, { scale: params.scale, levels: levels as Tensor }, scheme);
  const low = new Int32Array(w.size);
  const high = new Int32Array(w.size);
  for (let i = 0; i < w.size; i++) {
    const row = (Math.floor(i / inner) % rows) * count;
    const k = nearest.data[i];
    const below = values.data[row + k] <= w.data[i] ? k : Math.max(0, k - 1);
    low[i] = row + below;
    high[i] = row + (w.data[i] <= values.data[low[i]] ? below : Math.min(count - 1, below + 1));
  }
  return { values, low: new Tensor(w.shape, "i32", low), high: new Tensor(w.shape, "i32", high) };
}

/** The rounding variables at which soft weights are the float ones, between the ends. Shape: that of w. */
export function startOfRounding(w: Tensor, { values, low, high }: ReturnType<typeof levelsAround>): Tensor {
  const start = allocate(w.dtype, w.size);
  for (let i = 0; i < w.size; i++) {
    const [below, above] = [values.data[low.data[i]], values.data[high.data[i]]];
    start[i] = roundingAt(above > below ? Math.min(1, Math.max(0, (w.data[i] - below) / (above - below))) : 0);
  }
  return new Tensor(w.shape, w.dtype, start);
}

/** Entries of a table at places in it, differentiable in the table. Shape: that of the places. */
export const valuesAt = (table: Tensor, places: Tensor): Tensor =>
  reshape(indexSelect(flatten(table), flatten(places), { dim: 0 }), { shape: places.shape });

/** The place of every weight once it has decided: the upper one where its variable is not negative. Shape: kept. */
export function chosenPlaces({ low, high }: LevelPlaces, rounding: Tensor): Tensor {
  const places = Int32Array.from(low.data, (place, i) => (rounding.data[i] >= 0 ? high.data[i] : place));
  return new Tensor(low.shape, "i32", places);
}
