import { type Expr, FunctionBuilder, f32x4, i32x4, instantiate, type Local, load, op, shuffle } from "../../wasm/index.ts";
import { onGrid } from "./onGrid.ts";
import { reside } from "./reside.ts";

type Vector = Expr<"v128">;

/** The first of two lanes. */
const FIRST = i32x4(-1, -1, 0, 0);

/** What quantization does to a stream of values. */
export interface SiteSums {
  /** sum x^2 and sum (x^ - x)^2. */
  signal: number;
  noise: number;
  /** Values in [low, high]. */
  inside: number;
}

/** The quantizer of a run of values, and the ends of what it represents. */
export interface RunGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Goes on with `sums` over x, cut into runs of one length with a grid each: values are quantized as `fakeQuant` does and
 * added in double in their order. False, with nothing done, where x does not fit the memory.
 */
export function addSiteSums(sums: SiteSums, x: Float32Array, grids: readonly RunGrid[], qmin: number, qmax: number): boolean {
  const placed = reside(x, 48);
  if (!placed) return false;
  const { arena, address, room } = placed;
  const { add } = instantiate("siteSums", () => [emitSums()], arena);
  const totals = new Float64Array(arena.memory.buffer, room, 2);
  const counts = new Int32Array(arena.memory.buffer, room + 16, 4);
  totals[0] = sums.signal;
  totals[1] = sums.noise;
  counts.fill(0);
  const run = x.length / grids.length;
  const ends = new Float64Array(arena.memory.buffer, room + 32, 2);
  grids.forEach(({ scale, zeroPoint, low, high }, i) => {
    ends[0] = low;
    ends[1] = high;
    add(address + 4 * i * run, run >> 2, run & 3, room, scale, zeroPoint, qmin, qmax);
  });
  sums.signal = totals[0];
  sums.noise = totals[1];
  sums.inside += counts[0] + counts[2];
  return true;
}

/** add(x, vectors, rest, at, scale, zeroPoint, qmin, qmax): at `at` lie signal and noise, two counts and the ends. */
function emitSums(): FunctionBuilder {
  const f = new FunctionBuilder("add", ["i32", "i32", "i32", "i32", "f32", "f32", "f32", "f32"]);
  const [x, vectors, rest, at] = f.pointers;
  const [scale, zero, lowest, highest] = (f.params.slice(4) as Local<"f32">[]).map((p) => f.let(op("f32x4.splat", p)));
  const grid = { scale, zeroPoint: f.let(op("f32x4.add", op("f32x4.nearest", zero), f32x4(0))), lowest, highest };
  const [low, high] = [32, 40].map((offset) => f.let(load("v128.load64_splat", at, offset)));
  const index = f.local("i32");
  const [value, quantized, v, d] = f.locals("v128", 4);
  const sums = f.let(load("v128.load", at));
  const inside = f.let(load("v128.load", at, 16));
  const addPair = (pick: (quad: Vector) => Vector, both: boolean): void => {
    f.set(v, op("f64x2.promote_low_f32x4", pick(value)));
    f.set(d, op("f64x2.sub", op("f64x2.promote_low_f32x4", pick(quantized)), v));
    const within = op("v128.and", op("f64x2.ge", v, low), op("f64x2.ge", high, v));
    f.set(inside, op("i32x4.sub", inside, both ? within : op("v128.and", within, FIRST)));
    const [vv, dd] = [op("f64x2.mul", v, v), op("f64x2.mul", d, d)];
    f.set(v, vv);
    f.set(d, dd);
    f.set(sums, op("f64x2.add", sums, shuffle(v, d, [0, 1, 4, 5])));
    if (both) f.set(sums, op("f64x2.add", sums, shuffle(v, d, [2, 3, 6, 7])));
  };
  f.for(index, vectors, 1, () => {
    f.set(value, load("v128.load", x));
    f.set(quantized, onGrid(value, grid));
    addPair((quad) => quad, true);
    addPair((quad) => shuffle(quad, quad, [2, 3, 2, 3]), true);
    f.bump(x, 16);
  });
  f.for(index, rest, 1, () => {
    f.set(value, load("v128.load32_splat", x));
    f.set(quantized, onGrid(value, grid));
    addPair((quad) => quad, false);
    f.bump(x, 4);
  });
  f.store("v128.store", at, sums);
  f.store("v128.store", at, inside, 16);
  return f;
}
