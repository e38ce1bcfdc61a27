import { exp as expOf } from "../../elementary.ts";
import { ArgumentError } from "../../errors.ts";
import {
  abs,
  add,
  bucketize,
  cast,
  detach,
  div,
  exp,
  formatShape,
  greaterEqual,
  lessEqual,
  log,
  maximum,
  mul,
  reshape,
  sub,
  Tensor,
  where,
} from "../../tensor/index.ts";
import type { Scheme } from "../scheme.ts";
import { eachChannel, normal } from "./clip.ts";
import { codesAt, gradientOf, indexOfCodes, type LevelParams, type LevelQuantizer, lookUp, mirrored, spread } from "./levels.ts";
import { initialLogAffine, sideError } from "./logAffineInit.ts";
import { columnsOf, type LogAffineMode, type LogAffineParams, type LogShape, logTables } from "./logAffineTables.ts";
import { SortedMagnitudes } from "./sortedMagnitudes.ts";

/** What `logAffine` takes. */
export interface LogAffineOptions {
  /** "exact": levels mu +- 2^((e - a) / k), a geometric grid. "shift": levels mu +- scale * 2^e, a shift by e. */
  readonly mode: LogAffineMode;
  /** Whether one code stands for mu itself, from 3 bits on. Default true. */
  readonly zero?: boolean;
  /** The centre: 0, or each channel's median, which only a sum over the inputs pays for. Default "zero". */
  readonly centre?: "zero" | "median";
}

/** Shifts past this leave int32 whatever they shift. */
const MOST_SHIFT = 30;

function shapeOf({ mode, zero = true }: LogAffineOptions, { bits }: Scheme): LogShape {
  const reserved = zero && bits >= 3;
  const largest = 2 ** (bits - 1) - (reserved ? 2 : 1);
  return { largest: mode === "shift" ? Math.min(largest, MOST_SHIFT) : largest, zero: reserved };
}

/** A table [C, L], or [L] where one serves all channels, and the axis it is looked up along. */
function shared(table: Tensor, axis: number | null): { table: Tensor; axis: number | null } {
  return table.shape[0] === 1 ? { table: reshape(table, { shape: [table.size] }), axis: null } : { table, axis };
}

/** The levels about 0 on their tape, the index of every value, and the value as seen from the centre. */
function placed(x: Tensor, params: LogAffineParams, scheme: Scheme, options: LogAffineOptions) {
  const { thresholds, levels } = logTables(columnsOf(params, x.dtype), options.mode, shapeOf(options, scheme));
  const from = shared(thresholds, scheme.axis);
  const centred = sub(x, spread(cast(params.mu, x.dtype), x, scheme.axis));
  return { levels, centred, index: bucketize(centred, from.table, { axis: from.axis }) };
}

/**
 * What the straight-through encoder adds to the gradients of the table: 1 in x where the exponent is not clamped, and on
 * the zero; in mode "exact" also level ln 2 / k times those of v = k log2 d + a.
 */
function throughEncoder(x: Tensor, centred: Tensor, level: Tensor, params: LogAffineParams, scheme: Scheme, options: LogAffineOptions) {
  const { largest } = shapeOf(options, scheme);
  const own = (p: Tensor): Tensor => spread(cast(p, x.dtype), x, scheme.axis);
  const positive = greaterEqual(centred, 0);
  const k = exp(where(positive, own(params.kappaPositive), own(params.kappaNegative)));
  const a = where(positive, own(params.aPositive), own(params.aNegative));
  const distance = detach(mul(log(maximum(abs(centred), 2 ** -126)), 1 / Math.LN2));
  const v = add(mul(k, distance), a);
  const within = (passed: Tensor, other: Tensor | number): Tensor =>
    where(greaterEqual(v, -0.5), where(lessEqual(v, largest + 0.5), passed, other), other);
  const onZero = mul(gradientOf(centred), zeroMask(level));
  const ofX = within(gradientOf(centred), onZero);
  if (options.mode === "shift") return ofX;
  const slope = detach(div(mul(level, Math.LN2), k));
  return add(ofX, within(gradientOf(mul(slope, v)), 0));
}

/** 1 where a level is 0, else 0, in its float type. */
const zeroMask = (level: Tensor): Tensor => cast(lessEqual(abs(detach(level)), 0), level.dtype);

/**
 * Logarithm-linear affine quantizer: the exponent e = clamp(round(k log2 |x - mu| + a), 0, E) and a sign are the code.
 * Levels are finest near mu. Mode "exact" decodes with the inverse of the encoder; mode "shift" with scale * 2^e, so that an
 * integer kernel needs shifts and no products. One side's k and a are learned apart from the other's; in mode "shift" only
 * the scale is.
 *
 * Departure: Reg-PTQ writes psi of the density and decodes with 2^psi, which inverts it for k = 1 only; this is the consistent
 * form. Unstated: the code of zero; one is reserved from 3 bits on, for values nearer to mu than half the smallest level. A
 * value half-way between two levels on a log scale belongs to the smaller one.
 *
 * Source: Reg-PTQ eq. 9-11.
 *
 * Errors: ArgumentError without the weights, or where the codes of the scheme are too few or unsigned.
 */
export function logAffine(options: LogAffineOptions): LevelQuantizer<LogAffineParams> {
  const name = `logAffine-${options.mode}`;
  return {
    name,
    init(_, scheme, x) {
      const { qmin, qmax, signed } = scheme;
      const shape = shapeOf(options, scheme);
      const count = 2 * shape.largest + 2 + (shape.zero ? 1 : 0);
      if (!x) throw new ArgumentError(name, "init needs the weights, got none");
      if (!signed) throw new ArgumentError(name, `codes must be signed, got [${qmin}, ${qmax}] (weights ${formatShape(x.shape)})`);
      if (count > qmax - qmin + 1)
        throw new ArgumentError(name, `codes must be at least ${count}, got ${qmax - qmin + 1} in [${qmin}, ${qmax}]`);
      return initialLogAffine(x, scheme.axis, options.mode, shape, options.centre ?? "zero");
    },
    fakeQuant(x, params, scheme) {
      const { levels, centred, index } = placed(x, params, scheme, options);
      const from = shared(levels, scheme.axis);
      const level = lookUp(from.table, index, from.axis);
      const through = throughEncoder(x, centred, level, params, scheme, options);
      return add(add(level, spread(cast(params.mu, x.dtype), x, scheme.axis)), through);
    },
    quantize(x, params, scheme) {
      const bad = x.data.findIndex(Number.isNaN);
      if (bad >= 0) throw new ArgumentError(name, `values must not be NaN, got NaN (element ${bad} of ${x.dtype}${formatShape(x.shape)})`);
      return codesAt(placed(x, params, scheme, options).index, scheme);
    },
    dequantize(codes, params, scheme) {
      const { dtype } = params.mu;
      const { levels } = logTables(columnsOf(params, dtype), options.mode, shapeOf(options, scheme));
      const from = shared(levels, scheme.axis);
      const level = lookUp(from.table, indexOfCodes(name, codes, levels.shape[1], scheme), from.axis);
      return add(level, spread(params.mu, level, scheme.axis));
    },
    learnable: options.mode === "exact" ? ["kappaPositive", "aPositive", "kappaNegative", "aNegative"] : ["scale"],
    grid: (params, scheme) => gridOf(params, scheme, options),
  };
}

/** Shifts with their scale where the centre is 0; else the levels themselves, in units of 1. */
function gridOf(params: LogAffineParams, scheme: Scheme, options: LogAffineOptions): LevelParams {
  const { levels } = logTables(columnsOf(params, "f32"), options.mode, shapeOf(options, scheme));
  const centred = params.mu.data.every((mu: number) => mu === 0);
  if (options.mode === "shift" && centred) {
    const { largest, zero } = shapeOf(options, scheme);
    const powers = Array.from({ length: largest + 1 }, (_, e) => 2 ** e);
    return { scale: params.scale, levels: mirrored(zero ? [0, ...powers] : powers, true) };
  }
  const values = add(levels, reshape(params.mu, { shape: [params.mu.size, 1] }));
  return { scale: new Tensor(params.mu.shape, "f32", new Float32Array(params.mu.size).fill(1)), levels: shared(values, 0).table };
}

/**
 * The scale of mode "shift" that fits best by least squares, <|x - mu|, 2^e> / <2^e, 2^e> for each channel; call it after k or a
 * change. Shapes: x any, those of the parameters stay. Source: ours, for the mean of ratios of Reg-PTQ.
 */
export function refitScale(x: Tensor, params: LogAffineParams, scheme: Scheme, options: LogAffineOptions): LogAffineParams {
  const unit = { ...params, scale: new Tensor(params.scale.shape, "f32", new Float32Array(params.scale.size).fill(1)) };
  const { levels, index, centred } = placed(x, unit, scheme, { ...options, mode: "shift" });
  const dot = new Float64Array(params.scale.size);
  const norm = new Float64Array(params.scale.size);
  let i = 0;
  eachChannel(centred, scheme.axis, (value, c) => {
    const level = levels.data[index.data[i++]];
    dot[c] += value * level;
    norm[c] += level * level;
  });
  const scale = Float32Array.from(params.scale.data, (old: number, c: number) =>
    norm[c] > 0 && dot[c] > 0 ? normal(dot[c] / norm[c]) : old,
  );
  return { ...params, scale: new Tensor(params.scale.shape, "f32", scale) };
}

/** Offsets of the phase that `searchPhase` tries, in whole and part exponents. */
const PHASES = Array.from({ length: 16 }, (_, j) => (j - 8) / 16);

/**
 * Moves each side's a by the one of 16 offsets within half an exponent that lowers the squared error of mode "exact" most:
 * its gradient vanishes between the ends, so that training alone does not move it. Shapes: x any, those of the parameters
 * stay. Source: ours.
 */
export function searchPhase(x: Tensor, params: LogAffineParams, scheme: Scheme, options: LogAffineOptions): LogAffineParams {
  const shape = shapeOf({ ...options, mode: "exact" }, scheme);
  const sides = { positive: [] as number[][], negative: [] as number[][] };
  for (const list of Object.values(sides)) for (let c = 0; c < params.mu.size; c++) list.push([]);
  eachChannel(x, scheme.axis, (value, c) => {
    const d = value - params.mu.data[c];
    sides[d >= 0 ? "positive" : "negative"][c].push(d);
  });
  const moved = (values: readonly number[][], kappa: Tensor, a: Tensor): Tensor => {
    const found = values.map((own, c) => {
      const d = new SortedMagnitudes(own);
      const errors = PHASES.map((phase) => sideError(d, { k: expOf(kappa.data[c]), a: a.data[c] + phase }, shape));
      const least = Math.min(...errors);
      return errors[8] === least ? a.data[c] : a.data[c] + PHASES[errors.indexOf(least)];
    });
    return new Tensor(a.shape, "f32", Float32Array.from(found));
  };
  return {
    ...params,
    aPositive: moved(sides.positive, params.kappaPositive, params.aPositive),
    aNegative: moved(sides.negative, params.kappaNegative, params.aNegative),
  };
}
