import { type Arena, type Expr, FunctionBuilder, f32x4, instantiate, type Local, lane, load, op } from "../../wasm/index.ts";
import { onGrid } from "./onGrid.ts";

/** Rows that one step of the kernel takes. */
const STEP = 8;

/** Sampled volumes of a layer that filters every channel by itself; `outputs` is a multiple of `channels`. */
export interface ChannelRows {
  readonly channels: number;
  readonly outputs: number;
  readonly taps: number;
  readonly rows: number;
  /** [channels, taps, rows]. */
  readonly patches: Float32Array;
  /** Fake-quantized, [outputs, taps]. */
  readonly weights: Float32Array;
  /** Float outputs [outputs, rows], and how their squared errors weigh. */
  readonly targets: Float32Array;
  readonly importance: Float64Array;
  readonly qmin: number;
  readonly qmax: number;
}

/** sum_r w_r (y^_r - y_r)^2 of one output for the grid of its channel; it stops at a partial sum above the limit. */
export type ChannelError = (output: number, scale: number, zeroPoint: number, limit: number) => number;

/**
 * Places the volumes in an arena. The bits are those of the ops: quotients, codes and sums in float32 in the order of the
 * taps, errors in double in the order of the rows.
 *
 * Errors: ArenaFull where they do not fit.
 */
export function placeChannelError(arena: Arena, p: ChannelRows): ChannelError {
  const pitch = STEP * Math.ceil(p.rows / STEP);
  const patches = placeLines(arena, p.patches, p.rows, pitch);
  const targets = placeLines(arena, p.targets, p.rows, pitch);
  const importance = placeLines(arena, p.importance, p.rows, pitch);
  const weights = placeLines(arena, p.weights, p.weights.length, p.weights.length);
  const result = arena.allocate(8);
  const sum = new Float64Array(arena.memory.buffer, result, 1);
  const { error } = instantiate("channelError", () => [emitError()], arena);
  const perChannel = p.outputs / p.channels;
  return (output, scale, zeroPoint, limit) => {
    const x = patches + 4 * p.taps * pitch * Math.floor(output / perChannel);
    const [w, t, v] = [weights + 4 * p.taps * output, targets + 4 * pitch * output, importance + 8 * pitch * output];
    error(x, 4 * pitch, w, p.taps, t, v, pitch, scale, zeroPoint, p.qmin, p.qmax, limit, result);
    return sum[0];
  };
}

/** Copies lines of `length` values in, `pitch` values apart, zeros between; the address of the first. */
function placeLines(arena: Arena, values: Float32Array | Float64Array, length: number, pitch: number): number {
  const lines = values.length / length;
  const address = arena.allocate(values.BYTES_PER_ELEMENT * lines * pitch);
  const into =
    values instanceof Float32Array
      ? new Float32Array(arena.memory.buffer, address, lines * pitch)
      : new Float64Array(arena.memory.buffer, address, lines * pitch);
  for (let i = 0; i < lines; i++) {
    into.set(values.subarray(i * length, (i + 1) * length), i * pitch);
    into.fill(0, i * pitch + length, (i + 1) * pitch);
  }
  return address;
}

/**
 * error(x, pitch, weights, taps, targets, importance, rows, scale, zeroPoint, low, high, limit, result): lines of `x` lie
 * `pitch` bytes apart, one a tap; `rows` is a multiple of the step. Padding weighs nothing.
 */
function emitError(): FunctionBuilder {
  const i32s = Array.from({ length: 7 }, () => "i32" as const);
  const f = new FunctionBuilder("error", [...i32s, "f32", "f32", "f32", "f32", "f64", "i32"]);
  const [x, pitch, weights, taps, targets, importance, rows] = f.pointers;
  const [scale, zeroPoint, lowest, highest] = (f.params.slice(7, 11) as Local<"f32">[]).map((p) => f.let(op("f32x4.splat", p)));
  const grid = { scale, zeroPoint, lowest, highest };
  const limit = f.params[11] as Local<"f64">;
  const result = f.pointers[12];
  const [row, tap, from, weight] = f.locals("i32", 4);
  const sum = f.local("f64");
  const outputs = f.locals("v128", STEP / 4);
  const factor = f.local("v128");
  f.block((done) =>
    f.for(row, rows, STEP, () => {
      for (const y of outputs) f.set(y, f32x4(0));
      f.set(from, x);
      f.set(weight, weights);
      f.for(tap, taps, 1, () => {
        f.set(factor, load("v128.load32_splat", weight));
        outputs.forEach((y, i) => f.set(y, op("f32x4.add", op("f32x4.mul", factor, onGrid(load("v128.load", from, 16 * i), grid)), y)));
        f.bump(from, pitch);
        f.bump(weight, 4);
      });
      for (let i = 0; i < STEP; i++) addSquare(f, sum, lane(outputs[i >> 2], (i & 3) as 0 | 1 | 2 | 3), targets, importance, i);
      f.breakIf(done, op("f64.gt", sum, limit));
      f.bump(x, 4 * STEP);
      f.bump(targets, 4 * STEP);
      f.bump(importance, 8 * STEP);
    }),
  );
  f.store("f64.store", result, sum);
  return f;
}

/** sum += w (y - t)^2 with entry `i` of targets and importance. */
function addSquare(f: FunctionBuilder, sum: Local<"f64">, y: Expr<"f32">, targets: Expr<"i32">, importance: Expr<"i32">, i: number): void {
  const difference = f.let(op("f64.sub", op("f64.promote_f32", y), op("f64.promote_f32", load("f32.load", targets, 4 * i))));
  f.set(sum, op("f64.add", sum, op("f64.mul", op("f64.mul", load("f64.load", importance, 8 * i), difference), difference)));
}
