import { ArgumentError } from "../../errors.ts";
import { formatShape, type Tensor } from "../../tensor/index.ts";
import { eachChannel, scalesFor } from "./clip.ts";
import { type LevelParams, type LevelQuantizer, mirrored, nearestLevel } from "./levels.ts";
import { SortedMagnitudes } from "./sortedMagnitudes.ts";

/** The universal set in 32nds, ascending: (p1 + p2) / 2 with p1 in {1, 1/2, 1/8, 0} and p2 in {1, 1/4, 1/16, 0}. */
export const UNIVERSAL_MAGNITUDES: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 17, 18, 20, 24, 32];

/** A set of magnitudes, ascending, and how well it fits. */
export interface Subset {
  /** In 32nds. */
  readonly magnitudes: readonly number[];
  /** What the largest of them stands for, in units of the values. */
  readonly top: number;
  /** || |w| - |q| ||_2 with the values divided by their largest magnitude. */
  readonly loss: number;
}

/** The loss has settled when it moves by less. */
const SETTLED = 1e-5;
const MOST_STEPS = 1000;

/** Every choice of `size` of the universal magnitudes, each ascending, in lexicographic order. */
export function* candidateSubsets(size: number, from = 0): Generator<number[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= UNIVERSAL_MAGNITUDES.length - size; i++)
    for (const rest of candidateSubsets(size - 1, i + 1)) yield [UNIVERSAL_MAGNITUDES[i], ...rest];
}

/**
 * Scale and loss of one set on magnitudes whose largest is 1: nearest levels and alpha = <q, w> / <q, q> in turn from
 * alpha = 1 until the loss settles; neither step raises it. Where all values fall on 0, alpha is their mean.
 */
export function fitSubset(w: SortedMagnitudes, magnitudes: readonly number[]): { alpha: number; loss: number } {
  const top = magnitudes[magnitudes.length - 1];
  const levels = magnitudes.map((m) => m / top);
  const middles = levels.slice(1).map((m, j) => (m + levels[j]) / 2);
  let [alpha, loss] = [1, Number.POSITIVE_INFINITY];
  for (let step = 0; step < MOST_STEPS; step++) {
    const scale = alpha;
    const sums = w.sums(
      levels,
      middles.map((m) => m * scale),
    );
    alpha = sums.norm > 0 ? sums.dot / sums.norm : w.mean;
    const next = Math.sqrt(w.error(sums, alpha));
    const settled = Math.abs(loss - next) < SETTLED;
    loss = next;
    if (settled) break;
  }
  return { alpha, loss };
}

/**
 * The set of 2^(bits - 1) universal magnitudes that fits the values best, among those whose levels are at most `codes`; the
 * first of equal ones. Sorted values with sums of their first n make each of the up to 6435 candidates cheap.
 *
 * Source: Oh et al. 2022 (SubSetQ), section 3 and its code.
 *
 * Errors: ArgumentError unless bits is 2 to 4: the universal set has 15 magnitudes.
 */
export function searchSubset(values: ArrayLike<number>, bits: number, codes = 2 ** bits): Subset {
  if (!Number.isInteger(bits) || bits < 2 || bits > 4)
    throw new ArgumentError("subset", `bits must be 2, 3 or 4, for there are 15 magnitudes, got ${bits}`);
  const largest = new SortedMagnitudes(values).largest;
  const w = new SortedMagnitudes(Float64Array.from(values, (v) => (largest > 0 ? v / largest : 0)));
  const size = 2 ** (bits - 1);
  let best: Subset | undefined;
  for (const magnitudes of candidateSubsets(size)) {
    if (2 * size - (magnitudes[0] === 0 ? 1 : 0) > codes) continue;
    const { alpha, loss } = fitSubset(w, magnitudes);
    if (!best || loss < best.loss) best = { magnitudes, top: alpha * largest, loss };
  }
  if (!best) throw new ArgumentError("subset", `codes must be at least ${2 * size - 1}, got ${codes}`);
  return best;
}

/** The values of each channel as shares of its largest magnitude, and those magnitudes. */
function relativeChannels(x: Tensor, count: number, axis: number | null): { shares: number[][]; largest: number[] } {
  const shares = Array.from({ length: count }, (): number[] => []);
  eachChannel(x, axis, (value, c) => void shares[c].push(value));
  const largest = shares.map((values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0));
  return { shares: shares.map((values, c) => values.map((v) => (largest[c] > 0 ? v / largest[c] : 0))), largest };
}

/**
 * A sign and the 2^(bits - 1) of 15 universal magnitudes that fit a layer's weights best, with one scale per channel where
 * the scheme says so. Levels are whole 32nds, so that the layer may run on integers.
 *
 * Source: Oh et al. 2022 (SubSetQ). Departure: channels with scales of their own count relative to their largest magnitude
 * and are fitted one by one, where the source starts them all from one scale: depthwise layers have channels 100 times apart.
 *
 * Errors: ArgumentError without the weights, for unsigned codes, or more than 4 bits.
 */
export const subset: LevelQuantizer<LevelParams> = /* @__PURE__ */ nearestLevel("subset", (range, scheme, x) => {
  const { bits, signed, qmin, qmax, axis } = scheme;
  if (!x) throw new ArgumentError("subset", "init needs the weights, got none");
  if (!signed) throw new ArgumentError("subset", `codes must be signed, got [${qmin}, ${qmax}] (weights ${formatShape(x.shape)})`);
  const { shares, largest } = relativeChannels(x, range.min.length, axis);
  const { magnitudes } = searchSubset(shares.flat(), bits, qmax - qmin + 1);
  const clips = shares.map((values, c) => fitSubset(new SortedMagnitudes(values), magnitudes).alpha * largest[c]);
  return { scale: scalesFor(clips, magnitudes[magnitudes.length - 1]), levels: mirrored(magnitudes, true) };
});
