import { ArgumentError } from "../../errors.ts";
import {
  add,
  allocate,
  bucketize,
  cast,
  detach,
  div,
  flatten,
  formatShape,
  greater,
  indexSelect,
  less,
  mul,
  ravelIndex,
  reshape,
  slice,
  sub,
  Tensor,
  where,
} from "../../tensor/index.ts";
import type { Range, Scheme } from "../scheme.ts";
import { codeDType } from "./codes.ts";
import type { Quantizer } from "./quantizer.ts";

/**
 * A grid of any levels: `scale` is [1] or [C], `levels` are ascending, in units of the scale: [L] shared by all channels, or
 * [C, L] along the axis of the scheme. A code is qmin plus the index of its level; the value is level * scale, rounded once.
 */
export type LevelParams = { readonly scale: Tensor; readonly levels: Tensor };

/** The axis of levels: that of the scheme where every channel has its own. Shapes: levels [L] or [C, L]. Source: ours. */
export const levelAxis = (levels: Tensor, { axis }: Scheme): number | null => (levels.shape.length === 2 ? axis : null);

/** Per-channel parameters in the shape that broadcasts against x. */
export function spread(p: Tensor, x: Tensor, axis: number | null): Tensor {
  return reshape(p, { shape: x.shape.map((d, i) => (i === axis && p.size > 1 ? d : 1)) });
}

/** x itself as a value, none of its gradient: add it to a constant to give the constant the gradient of x. */
export const gradientOf = (x: Tensor): Tensor => sub(x, detach(x));

/** Entries of a table [L], or of rows [C, L] of one, at an index with the shape of `index`. */
export function lookUp(table: Tensor, index: Tensor, axis: number | null): Tensor {
  const at = axis === null ? index : ravelIndex([channelIndex(index.shape, axis), index], { shape: table.shape });
  return reshape(indexSelect(flatten(table), flatten(at), { dim: 0 }), { shape: index.shape });
}

function channelIndex(shape: readonly number[], axis: number): Tensor {
  const size = shape.reduce((n, d) => n * d, 1);
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  return new Tensor(
    shape,
    "i32",
    Int32Array.from({ length: size }, (_, i) => Math.floor(i / inner) % shape[axis]),
  );
}

/** Columns [start, end) of a table [L] or [C, L]. */
export function columns(table: Tensor, start: number, end: number): Tensor {
  return slice(table, { dim: table.shape.length - 1, start, end, step: 1 });
}

/** The middles between neighbouring levels, where values fall on the lower one. */
function middles(levels: Tensor): Tensor {
  const count = levels.shape[levels.shape.length - 1];
  return mul(add(columns(levels, 0, count - 1), columns(levels, 1, count)), 0.5);
}

/** Parameters in the float type of x. */
const like = ({ scale, levels }: LevelParams, x: Tensor): LevelParams => ({ scale: cast(scale, x.dtype), levels: cast(levels, x.dtype) });

/** x / scale, and the index of the nearest level. */
function nearest(x: Tensor, { scale, levels }: LevelParams, scheme: Scheme): { ratio: Tensor; index: Tensor } {
  const ratio = div(x, spread(scale, x, scheme.axis));
  return { ratio, index: bucketize(ratio, middles(levels), { axis: levelAxis(levels, scheme) }) };
}

/**
 * The nearest level of every value, ties to the lower one: same shape and dtype as x. Straight-through between the ends,
 * none beyond them; the gradient in the scale is LSQ's, level - x / scale between the ends and the end beyond them.
 */
export function fakeQuantLevels(x: Tensor, params: LevelParams, scheme: Scheme): Tensor {
  const { scale, levels } = like(params, x);
  const axis = levelAxis(levels, scheme);
  const { ratio, index } = nearest(x, { scale, levels }, scheme);
  const count = levels.shape[levels.shape.length - 1];
  const end = (at: number): Tensor => spread(columns(levels, at, at + 1), x, axis);
  const [low, high] = [end(0), end(count - 1)];
  const inside = where(greater(ratio, high), high, where(less(ratio, low), low, ratio));
  const level = add(detach(lookUp(levels, index, axis)), gradientOf(inside));
  return mul(level, spread(scale, x, scheme.axis));
}

/** Codes of the nearest levels. Shapes: x any, kept. Source: APoT, nearest projection. Errors: ArgumentError on NaN, which has no code. */
export function encodeLevels(op: string, x: Tensor, params: LevelParams, scheme: Scheme): Tensor {
  requireLevels(op, params, scheme);
  const bad = x.data.findIndex(Number.isNaN);
  if (bad >= 0) throw new ArgumentError(op, `values must not be NaN, got NaN (element ${bad} of ${x.dtype}${formatShape(x.shape)})`);
  return codesAt(indexOfLevels(x, params, scheme), scheme);
}

/** Indices of the nearest levels, i32, ties to the lower one. Shape: that of x. */
export const indexOfLevels = (x: Tensor, params: LevelParams, scheme: Scheme): Tensor => nearest(x, like(params, x), scheme).index;

/** Codes of indices: qmin is that of the lowest level. */
export function codesAt(index: Tensor, scheme: Scheme): Tensor {
  const dtype = codeDType(scheme);
  const codes = allocate(dtype, index.size);
  for (let i = 0; i < codes.length; i++) codes[i] = index.data[i] + scheme.qmin;
  return new Tensor(index.shape, dtype, codes);
}

/** Indices of codes. Errors: ArgumentError for a code that has no level. */
export function indexOfCodes(op: string, codes: Tensor, count: number, { qmin }: Scheme): Tensor {
  const index = Int32Array.from(codes.data, (code: number) => code - qmin);
  const bad = index.findIndex((k) => k < 0 || k >= count);
  if (bad >= 0)
    throw new ArgumentError(op, `every code must be in [${qmin}, ${qmin + count - 1}], got ${codes.data[bad]} (${count} levels)`);
  return new Tensor(codes.shape, "i32", index);
}

/** Values of codes: level * scale in the dtype of the parameters. */
export function decodeLevels(op: string, codes: Tensor, { scale, levels }: LevelParams, scheme: Scheme): Tensor {
  const index = indexOfCodes(op, codes, levels.shape[levels.shape.length - 1], scheme);
  const level = lookUp(levels, index, levelAxis(levels, scheme));
  return mul(level, spread(scale, level, scheme.axis));
}

/** Refuses levels that are no grid of the scheme: 2 or more, ascending, finite, at most as many as there are codes. */
export function requireLevels(op: string, { scale, levels }: LevelParams, { qmin, qmax, axis }: Scheme): void {
  const { shape, data } = levels;
  const count = shape[shape.length - 1];
  const fits = shape.length === 1 || (shape.length === 2 && axis !== null && shape[0] === scale.size);
  if (!fits)
    throw new ArgumentError(op, `levels must have shape [L] or [C, L], got ${formatShape(shape)} (${scale.size} scales, axis ${axis})`);
  if (!(count >= 2 && count <= qmax - qmin + 1)) {
    throw new ArgumentError(op, `levels must be 2 to ${qmax - qmin + 1}, as many as codes [${qmin}, ${qmax}], got ${count}`);
  }
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]) || (i % count > 0 && !(data[i] > data[i - 1])))
      throw new ArgumentError(op, `levels must be finite and ascending, got ${data[i]} (entry ${i})`);
  }
}

/** Whether all levels are whole numbers that float32 holds: a layer on them adds up integers. */
export const isWhole = (levels: Tensor): boolean => levels.data.every((v: number) => Number.isInteger(v));

/** f32 levels -m_n ... -m_0, (0), m_0 ... m_n of ascending magnitudes; 0 among the magnitudes is there once. Without signs where `signed` is false. */
export function mirrored(magnitudes: readonly number[], signed: boolean): Tensor {
  const positive = magnitudes.filter((m) => m > 0);
  const negative = signed ? positive.map((m) => -m).reverse() : [];
  const all = [...negative, ...(magnitudes.length > positive.length ? [0] : []), ...positive];
  return new Tensor([all.length], "f32", Float32Array.from(all));
}

/** A quantizer whose grid may have any levels, and how a plan writes it. */
export interface LevelQuantizer<P extends Readonly<Record<string, Tensor>>> extends Quantizer<P> {
  /** The levels it puts values on; a learned weight that lies on them has the same codes by the nearest level. */
  grid(params: P, scheme: Scheme): LevelParams;
}

/** A quantizer on the nearest of some levels that are found once; its scale may be learned. */
export function nearestLevel(name: string, init: (range: Range, scheme: Scheme, x?: Tensor) => LevelParams): LevelQuantizer<LevelParams> {
  return {
    name,
    init(range, scheme, x) {
      const params = init(range, scheme, x);
      requireLevels(name, params, scheme);
      return params;
    },
    fakeQuant: fakeQuantLevels,
    quantize: (x, params, scheme) => encodeLevels(name, x, params, scheme),
    dequantize: (codes, params, scheme) => decodeLevels(name, codes, params, scheme),
    learnable: ["scale"],
    grid: (params) => params,
  };
}
