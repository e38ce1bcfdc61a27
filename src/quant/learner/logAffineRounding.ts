import { log } from "../../elementary.ts";
import { add, allocate, cast, clamp, div, exp, mul, reshape, square, sub, sum, Tensor, zeros } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import { softRounding } from "../quantizer/adaround.ts";
import type { LogAffineMode } from "../quantizer/logAffineTables.ts";
import type { Learned, WeightLearner } from "./learner.ts";
import { chosenPlaces, type LevelPlaces, levelsAround, startOfRounding, valuesAt, valuesOfLevels } from "./levelRounding.ts";
import { falling, steady } from "./rates.ts";
import { indecision } from "./rounding.ts";

/** Learning rates of rounding variables, and of the logarithms of gains and stretches. */
export interface LogAffineRates {
  readonly rounding: number;
  readonly grid: number;
}

/**
 * Rounding and a logarithmic grid learned together: each weight goes to the level below or above it, which two they are stays
 * as at the start, and the levels move. Mode "exact": of every channel and side the levels +-m become +-g p (m / p)^t with a
 * gain g and a stretch t, which is learning k and a: k / t takes the place of k. Mode "shift": every channel has one gain and
 * no stretch, which is learning its scale, so that levels stay shifts. A level of 0 stays.
 *
 * The pivot p is the mean of the levels' logarithms, each counting with its square: there, to first order, a gain makes up for
 * nothing that a stretch does. Levels on both sides of a centre other than 0 move away from 0 or towards it all the same, and
 * are no grid of `logAffine` any more.
 *
 * An undecided weight counts in the pull with the square of its gap, relative to the mean at the start: by the number of weights
 * alone, levels move apart as long as weights are soft, for any weight between two levels is then as good as on one.
 *
 * Departure: k and a have the exact gradients of weights that keep their levels, where the encoder's straight-through ones move a
 * by clamped weights only. Unstated: how rounding and the grid learn together, the pull, and the rates.
 *
 * Source: Reg-PTQ eq. 9-11, AdaRound eq. 23-24.
 */
export const logAffineRounding = (mode: LogAffineMode, rates: LogAffineRates): WeightLearner => ({
  name: `logAffineRounding-${mode}`,
  start(w, site) {
    const around = levelsAround(w, site);
    const grid = zeros([SIDES[mode], site.params.scale.size, 1], w.dtype);
    return { rounding: startOfRounding(w, around), gain: grid, ...(mode === "exact" && { stretch: grid }) };
  },
  rates: () => ({ rounding: steady(rates.rounding), gain: falling(rates.grid), ...(mode === "exact" && { stretch: falling(rates.grid) }) }),
  soft(w, site, learned) {
    const { values, ...places } = levelsAround(w, site);
    const { below, gap } = bracketsOf(mul(values, factorsOf(values, learned)), places);
    return add(below, mul(softRounding(learned.rounding), gap));
  },
  pull(learned, sharpness, w, site) {
    const { values, ...places } = levelsAround(w, site);
    const { gap } = bracketsOf(mul(values, factorsOf(values, learned)), places);
    const typical = meanSquare(bracketsOf(values, places).gap);
    return typical > 0 ? sum(mul(indecision(learned.rounding, sharpness), div(square(gap), typical))) : undefined;
  },
  harden(w, site, learned) {
    const { values, ...places } = levelsAround(w, site);
    const moved = mode === "shift" ? scaled(site, learned.gain) : stretched(site, factorsOf(values, learned));
    return { tuned: valuesAt(valuesOfLevels(moved, w.dtype), chosenPlaces(places, learned.rounding)), site: moved };
  },
});

/** The level below every weight, and how far it is to the one above. */
function bracketsOf(values: Tensor, { low, high }: LevelPlaces): { below: Tensor; gap: Tensor } {
  const below = valuesAt(values, low);
  return { below, gap: sub(valuesAt(values, high), below) };
}

/** Mean square of what is not 0. */
function meanSquare({ data }: Tensor): number {
  let [total, count] = [0, 0];
  for (const v of data) {
    total += v * v;
    if (v !== 0) count++;
  }
  return count > 0 ? total / count : 0;
}

/** How many sides of 0 learn apart. */
const SIDES: Readonly<Record<LogAffineMode, number>> = { exact: 2, shift: 1 };

/** Stretches stay in [1/2, 2], where levels stay apart in float32. */
const MOST_STRETCH = Math.LN2;

/** A side whose smallest level is below this share of its largest does not learn: many bits and no weights. Moved, it would underflow. */
const WIDEST = 2 ** -60;

/** What every level is multiplied by, exactly 1 where nothing is learned yet. Shapes: values [C, L], learned [sides, C, 1] → [C, L]. */
function factorsOf(values: Tensor, { gain, stretch }: Learned): Tensor {
  const { own, distance } = sidesOf(values, gain.shape[0]);
  const power = stretch && sub(exp(clamp(stretch, { min: -MOST_STRETCH, max: MOST_STRETCH })), 1);
  return exp(sum(mul(own, power ? add(gain, mul(power, distance)) : gain), { dim: 0 }));
}

/** By side that learns: 1 for its levels and 0 for the others, and ln(m / p) of its levels. Shapes: values [C, L] → [sides, C, L] each. */
function sidesOf(values: Tensor, sides: number): { own: Tensor; distance: Tensor } {
  const [channels, count] = values.shape;
  const shape = [sides, channels, count];
  const [own, distance] = [allocate(values.dtype, sides * values.size), allocate(values.dtype, sides * values.size)];
  for (let row = 0; row < sides * channels; row++) {
    const [from, start] = [(row % channels) * count, row * count];
    const on = (v: number): boolean => v !== 0 && (sides === 1 || v > 0 === row >= channels);
    const list = Array.from({ length: count }, (_, k): number => values.data[from + k]);
    const side = list.filter(on).map(Math.abs);
    if (Math.min(...side) < WIDEST * Math.max(...side)) continue;
    const pivot = pivotOf(side);
    list.forEach((v, k) => {
      if (!on(v)) return;
      own[start + k] = 1;
      distance[start + k] = log(Math.abs(v)) - pivot;
    });
  }
  return { own: new Tensor(shape, values.dtype, own), distance: new Tensor(shape, values.dtype, distance) };
}

/** ln p of the magnitudes of a side. */
function pivotOf(magnitudes: readonly number[]): number {
  const largest = Math.max(...magnitudes);
  let [weighted, weights] = [0, 0];
  for (const v of magnitudes) {
    const weight = (v / largest) ** 2;
    weighted += weight * log(v);
    weights += weight;
  }
  return weights > 0 ? weighted / weights : 0;
}

/** The grid with its scales times the gains. */
function scaled(site: SitePlan, gain: Tensor): SitePlan {
  const { scale } = site.params;
  return { ...site, params: { ...site.params, scale: mul(scale, cast(exp(reshape(gain, { shape: scale.shape })), scale.dtype)) } };
}

/** The grid with its levels times factors [C, L]; levels that all channels shared become those of each. */
function stretched(site: SitePlan, factors: Tensor): SitePlan {
  const levels = site.levels as Tensor;
  const moved = mul(levels, cast(factors, levels.dtype));
  return { ...site, levels: factors.shape[0] === 1 ? reshape(moved, { shape: levels.shape }) : moved };
}
