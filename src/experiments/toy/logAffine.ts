import { exp, log } from "../../elementary.ts";
import { roundHalfEven, Tensor } from "../../tensor/index.ts";
import { argmin, entropy, histogram, mean, meanSquare, quantile, rounded } from "./measures.ts";
import { forwardWith, lossOf, MIDDLE, type Net, weightsOf } from "./nets.ts";
import type { LogAffineRecord } from "./record.ts";
import { factorsOf, uniformInt4 } from "./scaleSweep.ts";

/** The largest exponent of INT4: 7 magnitudes a side, and 0. */
const TOP = 6;
const BINS = 16;
/** Shares of the magnitudes below the least level, and shares of the largest magnitude as the largest level. */
const LOW_SHARES = [0.01, 0.05, 0.1, 0.2, 0.3];
const HIGH_SHARES = Array.from({ length: 10 }, (_, i) => 0.55 + 0.05 * i);

/** psi(w) = k log2|w| + a for one side of 0. */
interface Side {
  readonly k: number;
  readonly a: number;
}

const log2 = (x: number): number => log(x) / Math.LN2;

/** The line that takes the level `low` to 0 and `high` to TOP; no level lies further below than the integer shift reaches. */
function sideOf(low: number, high: number): Side {
  const least = Math.max(low, high / 4 ** TOP);
  const k = TOP / Math.max(log2(high) - log2(least), 1e-3);
  return { k, a: -k * log2(least) };
}

/** psi of a magnitude above 0. */
const psi = ({ k, a }: Side, magnitude: number): number => k * log2(magnitude) + a;

/** A magnitude on the levels 2^((e - a) / k), e from 0 to TOP, and 0 below half the least. */
function onLevels({ k, a }: Side, magnitude: number): number {
  const level = (e: number): number => exp(((e - a) / k) * Math.LN2);
  if (magnitude < level(0) / 2) return 0;
  return level(Math.min(TOP, Math.max(0, roundHalfEven(psi({ k, a }, magnitude)))));
}

const magnitudes = (weight: Tensor, sign: number): number[] =>
  Array.from(weight.data, (w) => Math.abs(w) * (Math.sign(w) === sign ? 1 : 0)).filter((m) => m > 0);

const largest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0);

/** The side of least squared error among 50; an empty side gets any. */
function fitSide(values: readonly number[]): Side {
  if (values.length === 0) return sideOf(1, 2);
  const sides = LOW_SHARES.flatMap((low) => HIGH_SHARES.map((high) => sideOf(quantile(values, low), high * largest(values))));
  const errors = sides.map((side) =>
    meanSquare(
      values,
      values.map((v) => onLevels(side, v)),
    ),
  );
  return sides[argmin(errors)];
}

/**
 * A weight on the logarithmic-affine INT4 grid, k and a by side. Source: Reg-PTQ eq. 9 and 10. Departure: the levels are
 * the inverse of psi, not 2^round(psi), which inverts it for k = 1 only; one pair a side and layer, not a channel.
 * Unstated: mu, which is 0 here, and zero, which has a level of its own.
 */
export function logAffineInt4(weight: Tensor): Tensor {
  const [above, below] = [1, -1].map((sign) => fitSide(magnitudes(weight, sign)));
  const levels = Float32Array.from(weight.data, (w) => Math.sign(w) * onLevels(w < 0 ? below : above, Math.abs(w)));
  return new Tensor(weight.shape, weight.dtype, levels);
}

/** The uniform grid of least squared error among the candidates. */
function bestUniform(weight: Tensor, candidates: number): Tensor {
  const found = factorsOf(candidates).map((factor) => uniformInt4(weight, factor));
  return found[argmin(found.map((q) => meanSquare(q.data, weight.data)))];
}

/** Logarithmic-affine against uniform INT4 on a net. Source: Reg-PTQ Sec. 4.3 and the transformed weights of Fig. 6. */
export function compareGrids(net: Net, candidates: number): LogAffineRecord {
  const weights = weightsOf(net.module);
  const before = lossOf(net, forwardWith(net, new Map()));
  const measured = [(w: Tensor) => bestUniform(w, candidates), logAffineInt4].map((quantize) => {
    const replaced = new Map([...weights].map(([site, w]) => [site, quantize(w)]));
    const [q, w] = [replaced, weights].map((from) => [...from.values()].flatMap((x) => [...x.data]));
    const power = mean(w.map((v) => v * v));
    return { error: rounded(meanSquare(q, w) / power), task: rounded(lossOf(net, forwardWith(net, replaced)) - before) };
  });
  const middle = MIDDLE.map((site) => spread(weights.get(site) as Tensor));
  const average = (of: (s: (typeof middle)[number]) => readonly number[]): number[] =>
    of(middle[0]).map((share, b) => rounded((share + of(middle[1])[b]) / 2));
  return {
    uniformError: measured[0].error,
    logError: measured[1].error,
    uniformTask: measured[0].task,
    logTask: measured[1].task,
    entropy: rounded(mean(middle.map((s) => entropy(s.before)))),
    logEntropy: rounded(mean(middle.map((s) => entropy(s.after)))),
    histogram: average((s) => s.before),
    logHistogram: average((s) => s.after),
  };
}

/** Histograms of the magnitudes over [0, largest] and of psi over [0, TOP], 5 % of the magnitudes below its start. */
function spread(weight: Tensor): { readonly before: number[]; readonly after: number[] } {
  const sides = [1, -1].map((sign) => magnitudes(weight, sign)).filter((values) => values.length > 0);
  const most = largest(sides.flat());
  const transformed = sides.flatMap((values) => {
    const side = sideOf(quantile(values, 0.05), largest(values));
    return values.map((v) => psi(side, v));
  });
  return { before: histogram(sides.flat(), 0, most, BINS), after: histogram(transformed, 0, TOP, BINS) };
}
