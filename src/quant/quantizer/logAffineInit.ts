import { log } from "../../elementary.ts";
import { Tensor } from "../../tensor/index.ts";
import { eachChannel, normal } from "./clip.ts";
import type { LogAffineMode, LogAffineParams, LogShape } from "./logAffineTables.ts";
import { SortedMagnitudes } from "./sortedMagnitudes.ts";

/** One side's encoder: v = k log2 d + a. */
export interface SideFit {
  readonly k: number;
  readonly a: number;
}

const log2 = (v: number): number => log(v) / Math.LN2;

/** Factors on the low end, and on the high end, that the search of the first encoder tries. */
const LOW = [0.5, 1, 2, 4, 8];
const HIGH = Array.from({ length: 10 }, (_, j) => 1 - 0.05 * j);

/** Thresholds and levels of one side's magnitudes; with a zero, 0 and its threshold come first. */
function sideTables({ k, a }: SideFit, { largest, zero }: LogShape): { levels: number[]; thresholds: number[] } {
  const at = (v: number): number => 2 ** ((v - a) / k);
  const exponents = Array.from({ length: largest + 1 }, (_, e) => e);
  return {
    levels: [...(zero ? [0] : []), ...exponents.map(at)],
    thresholds: [...(zero ? [at(0) / 2] : []), ...exponents.slice(0, -1).map((e) => at(e + 0.5))],
  };
}

/** Sum of squared distances of magnitudes to the exact grid of an encoder. */
export function sideError(d: SortedMagnitudes, fit: SideFit, shape: LogShape): number {
  const { levels, thresholds } = sideTables(fit, shape);
  return d.error(d.sums(levels, thresholds), 1);
}

/**
 * Encoders of one side whose levels run from d_lo to d_hi: d_hi the largest magnitude and d_lo the larger of the 5 % quantile
 * of those above 0 and d_hi 2^(-2 E), with 5 factors on d_lo and 10 on d_hi. None where there is no magnitude above 0.
 */
export function exactCandidates(magnitudes: readonly number[], shape: LogShape): SideFit[] {
  const d = new SortedMagnitudes(magnitudes.filter((m) => m > 0));
  if (d.count === 0) return [];
  const steps = Math.max(1, shape.largest);
  const low = Math.max(d.quantile(0.05), d.largest * 2 ** (-2 * steps));
  return HIGH.map((h) => h * d.largest).flatMap((high) =>
    LOW.map((factor) => {
      const from = Math.min(low * factor, high / 2);
      const k = steps / (log2(high) - log2(from));
      return { k, a: -k * log2(from) };
    }),
  );
}

/** The candidate of least squared error on one side's magnitudes; zeros count with the level they get. */
function exactFit(magnitudes: readonly number[], shape: LogShape): SideFit | undefined {
  const d = new SortedMagnitudes(magnitudes);
  let best: { fit: SideFit; error: number } | undefined;
  for (const fit of exactCandidates(magnitudes, shape)) {
    const error = sideError(d, fit, shape);
    if (!best || error < best.error) best = { fit, error };
  }
  return best?.fit;
}

/** The same encoder for levels smaller by a factor. */
const shrunk = ({ k, a }: SideFit, factor: number): SideFit => ({ k, a: a - k * log2(factor) });

/** How far log2 of a level may lie from its exponent: half of one would be on the threshold to the next. */
const WITHIN = 0.499;

/**
 * k = 1 and the phase a, both sides together, whose shifts fit best once their scale is refitted; zeros count with their
 * level, and no level leaves its code.
 */
function shiftFit(d: SortedMagnitudes, shape: LogShape): { fit: SideFit; scale: number } | undefined {
  if (d.largest === 0) return undefined;
  let best: { fit: SideFit; scale: number; error: number } | undefined;
  for (let j = 0; j < 10; j++) {
    const fit = { k: 1, a: shape.largest - log2(d.largest) + j / 5 };
    const { thresholds } = sideTables(fit, shape);
    const powers = [...(shape.zero ? [0] : []), ...Array.from({ length: shape.largest + 1 }, (_, e) => 2 ** e)];
    const sums = d.sums(powers, thresholds);
    const refitted = sums.norm > 0 ? sums.dot / sums.norm : 2 ** -fit.a;
    const scale = Math.min(2 ** (WITHIN - fit.a), Math.max(2 ** (-WITHIN - fit.a), refitted));
    const error = d.error(sums, scale);
    if (!best || error < best.error) best = { fit, scale, error };
  }
  return best;
}

/** The middle value; 0 where there are none. */
function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted.length === 0 ? 0 : (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.floor(sorted.length / 2)]) / 2;
}

/**
 * A channel without values away from its centre gets levels up to this share of the widest channel's, or of the largest value
 * where none has any: it may have no zero.
 */
const DEAD_SHARE = 1e-4;

/** Encoders of both sides and the scale of one channel, seen from its centre. */
interface ChannelFit {
  readonly positive: SideFit;
  readonly negative: SideFit;
  readonly scale: number;
}

function fitChannel(centred: readonly number[], mode: LogAffineMode, shape: LogShape, dead: number): ChannelFit {
  const none = { k: 1, a: shape.largest - log2(dead) };
  if (mode === "shift") {
    const { fit, scale } = shiftFit(new SortedMagnitudes(centred), shape) ?? { fit: none, scale: 2 ** -none.a };
    return { positive: fit, negative: fit, scale: normal(scale) };
  }
  // What lies on the centre is on the positive side.
  const [above, below] = [centred.filter((d) => d >= 0), centred.filter((d) => d < 0).map((d) => -d)];
  const [up, down] = [exactFit(above, shape), exactFit(below, shape)];
  const alone = !shape.zero && above.length > 0 && down && shrunk(down, DEAD_SHARE);
  return { positive: up ?? (alone || down) ?? none, negative: down ?? up ?? none, scale: 1 };
}

/**
 * First parameters of every channel from its values. An empty side takes the other's encoder; a channel whose values all lie
 * on the centre gets levels next to it, and so does the positive side of one whose other values lie below, where no code stands
 * for the centre. In mode "shift" k is 1 and both sides share encoder and scale.
 */
export function initialLogAffine(
  x: Tensor,
  axis: number | null,
  mode: LogAffineMode,
  shape: LogShape,
  centre: "zero" | "median",
): LogAffineParams {
  const channels = axis === null ? 1 : x.shape[axis];
  const values: number[][] = Array.from({ length: channels }, () => []);
  eachChannel(x, axis, (v, c) => values[c].push(v));
  const mu = values.map((own) => (centre === "median" ? Math.fround(median(own)) : 0));
  const centred = values.map((own, c) => own.map((v) => v - mu[c]));
  const largest = (lists: readonly (readonly number[])[]): number =>
    lists.reduce((most, own) => own.reduce((m, d) => Math.max(m, Math.abs(d)), most), 0);
  const fits = centred.map((own) => fitChannel(own, mode, shape, DEAD_SHARE * (largest(centred) || largest(values) || 1)));
  const f32 = (read: (fit: ChannelFit) => number): Tensor => new Tensor([channels], "f32", Float32Array.from(fits, read));
  return {
    kappaPositive: f32((f) => log(f.positive.k)),
    aPositive: f32((f) => f.positive.a),
    kappaNegative: f32((f) => log(f.negative.k)),
    aNegative: f32((f) => f.negative.a),
    mu: new Tensor([channels], "f32", Float32Array.from(mu)),
    scale: f32((f) => f.scale),
  };
}
