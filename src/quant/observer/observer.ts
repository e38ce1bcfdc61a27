import { ArgumentError, StateError } from "../../errors.ts";
import { formatShape, kernelPolicy, type Tensor } from "../../tensor/index.ts";
import { runExtremes } from "../kernels/extremes.ts";
import type { Range } from "../scheme.ts";

/** Anything that takes items one at a time and gives a result. `add` may write to the state it was given and returns it. */
export interface Fold<S, X, R> {
  /** The state before the first item. */
  init(): S;
  add(state: S, item: X): S;
  result(state: S): R;
}

/** One calibration tensor. The mask (u8, volumes with a non-zero entry count) is read by `masked` only. */
export interface Sample {
  readonly x: Tensor;
  readonly mask?: Tensor;
}

/** Estimates the range of a site from a stream of tensors, per tensor or per channel. */
export interface Observer<S = unknown> extends Fold<S, Sample, Range> {
  /** As the record writes it. */
  readonly name: string;
  /** True where the order of the stream may change the result. */
  readonly orderSensitive: boolean;
  /** One state for two streams, as if one observer had seen both; it may write to `a`. Absent where that needs the values. */
  merge?(a: S, b: S): S;
  /** As `add` with the volumes of x [1,C,...] whose mark is not 0, where that needs no copy of them; undefined where it does. */
  addMarked?(state: S, x: Tensor, marks: ArrayLike<number>): S | undefined;
}

/** Granularity of an observer: null (default) for the whole tensor, else the channel axis (1 activations, 0 weights). */
export interface Granularity {
  readonly axis?: number | null;
}

/** What one channel keeps of the stream, and how runs of values enter it. */
export interface Accumulator<T> {
  init(channels: number): T;
  /** Takes data[start, end) whose smallest and largest values are `min` and `max`, all finite. */
  addRun(kept: T, data: Floats, start: number, end: number, min: number, max: number): void;
  /** What was kept of two streams, as of one; may write to `kept`. */
  merge?(kept: T, other: T): T;
  /** The ends of this channel's range; undefined where it saw nothing. */
  result(kept: T): { min: number; max: number } | undefined;
}

export type Floats = Float32Array | Float64Array;

/** State of an observer built by `observerOf`: one accumulator per channel, none before the first element. */
export type PerChannel<T> = { channels: T[] };

/**
 * Builds an observer from what one channel does.
 *
 * Errors: ArgumentError on integer tensors, a missing axis, another channel count, NaN or infinity; StateError when asked
 * for the range of nothing.
 */
export function observerOf<T>(
  name: string,
  accumulator: Accumulator<T>,
  { axis = null }: Granularity,
  orderSensitive = false,
): Observer<PerChannel<T>> {
  const { merge } = accumulator;
  return {
    name,
    orderSensitive,
    ...(merge && { merge: (a: PerChannel<T>, b: PerChannel<T>) => mergeChannels(name, a, b, merge) }),
    init: () => ({ channels: [] }),
    add(state, { x }) {
      if (x.size === 0) return state;
      const count = channelCount(name, x, axis);
      if (state.channels.length === 0) state.channels = Array.from({ length: count }, () => accumulator.init(count));
      else expectChannels(name, state.channels.length, count, x);
      forEachRun(name, x, axis, (c, data, start, end, min, max) => accumulator.addRun(state.channels[c], data, start, end, min, max));
      return state;
    },
    result: (state) =>
      collectRange(
        name,
        state.channels.map((kept) => accumulator.result(kept)),
      ),
  };
}

function mergeChannels<T>(name: string, a: PerChannel<T>, b: PerChannel<T>, merge: (kept: T, other: T) => T): PerChannel<T> {
  if (a.channels.length === 0) return b;
  if (b.channels.length === 0) return a;
  if (a.channels.length !== b.channels.length)
    throw new ArgumentError(name, `merged streams must have the same channels, got ${a.channels.length} and ${b.channels.length}`);
  return { channels: a.channels.map((kept, c) => merge(kept, b.channels[c])) };
}

/** Fails where a stream changes its channel count. */
export function expectChannels(name: string, want: number, got: number, x: Tensor): void {
  if (want !== got)
    throw new ArgumentError(name, `every tensor must have ${want} channels, got ${got} (${x.dtype}${formatShape(x.shape)})`);
}

/** Gathers per-channel ends into a Range. */
export function collectRange(name: string, ends: readonly ({ min: number; max: number } | undefined)[]): Range {
  if (ends.length === 0 || ends.some((e) => e === undefined)) {
    throw new StateError(name, "needs at least one element before result, got none (were all calibration tensors or masks empty?)");
  }
  return { min: Float64Array.from(ends, (e) => e?.min ?? 0), max: Float64Array.from(ends, (e) => e?.max ?? 0) };
}

/** Number of channels of `x` on `axis`; 1 for null. */
export function channelCount(name: string, x: Tensor, axis: number | null): number {
  if (axis === null) return 1;
  const length = x.shape[axis];
  if (length === undefined)
    throw new ArgumentError(name, `axis must be below the rank ${x.shape.length}, got ${axis} (${x.dtype}${formatShape(x.shape)})`);
  return length;
}

type Visit = (channel: number, data: Floats, start: number, end: number, min: number, max: number) => void;

/** Elements below which a kernel does not pay. */
const LEAST = 256;

/** Calls `visit` with every contiguous run of one channel and the run's extremes; refuses NaN and infinities. */
export function forEachRun(name: string, x: Tensor, axis: number | null, visit: Visit): void {
  const { data } = x;
  if (!(data instanceof Float32Array || data instanceof Float64Array))
    throw new ArgumentError(name, `x must be f32 or f64, got ${x.dtype}`);
  const channels = channelCount(name, x, axis);
  let run = 1;
  if (axis === null) run = x.size;
  else for (let d = axis + 1; d < x.shape.length; d++) run *= x.shape[d];
  if (run === 0) return;
  const found = data instanceof Float32Array && x.size >= LEAST && kernelPolicy() !== "reference" ? runExtremes(data, run) : undefined;
  const ends = found ?? plainExtremes(data, run);
  for (let start = 0, r = 0; start < data.length; start += run, r++) {
    const [min, max] = [ends[2 * r], ends[2 * r + 1]];
    if (Number.isNaN(min)) refuseNonFinite(name, x, data, start);
    visit(r % channels, data, start, start + run, min, max);
  }
}

/** As `runExtremes`. */
function plainExtremes(data: Floats, run: number): Float64Array {
  const ends = new Float64Array((2 * data.length) / run);
  for (let start = 0, r = 0; start < data.length; start += run, r++) {
    let min = data[start];
    let max = min;
    let trouble = 0; // v * 0 is NaN exactly where v is not finite, and NaN stays in the sum
    for (let i = start; i < start + run; i++) {
      const v = data[i];
      if (v < min) min = v;
      if (v > max) max = v;
      trouble += v * 0;
    }
    ends[2 * r] = min + trouble;
    ends[2 * r + 1] = max + trouble;
  }
  return ends;
}

function refuseNonFinite(name: string, x: Tensor, data: Floats, start: number): never {
  let i = start;
  while (Number.isFinite(data[i])) i++;
  throw new ArgumentError(name, `values must be finite, got ${data[i]} (element ${i} of ${x.dtype}${formatShape(x.shape)})`);
}
