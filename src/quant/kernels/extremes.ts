import { type Expr, FunctionBuilder, f32x4, i32, instantiate, type Local, lane, load, op, shuffle } from "../../wasm/index.ts";
import { reside } from "./reside.ts";

type Vector = Expr<"v128">;

/** Floats of one step. */
const STEP = 16;

/**
 * Smallest and largest value of every run of `run` floats, one pair after the other, 0 for -0; NaN for runs with a value
 * that is not finite. Undefined where x does not fit the memory.
 */
export function runExtremes(x: Float32Array, run: number): Float32Array | undefined {
  const runs = x.length / run;
  const placed = reside(x, 8 * runs);
  if (!placed) return undefined;
  const { arena, address, room } = placed;
  instantiate("runExtremes", () => [emitExtremes(false)], arena).extremes(address, run, runs, room, 0);
  return arena.read(room, 2 * runs);
}

/**
 * As `runExtremes` for each channel of x [channels, positions], looking only at marked positions: at least one. Undefined
 * also where a result is not finite.
 */
export function markedExtremes(x: Float32Array, positions: number, marks: ArrayLike<number>): Float32Array | undefined {
  const channels = x.length / positions;
  const placed = reside(x, 4 * positions + 64 + 8 * channels);
  if (!placed) return undefined;
  const { arena, address, room } = placed;
  const lanes = arena.i32.subarray(room >> 2, (room >> 2) + positions);
  let pivot = -1;
  for (let p = 0; p < positions; p++) {
    lanes[p] = marks[p] === 0 ? 0 : -1;
    if (pivot < 0 && marks[p] !== 0) pivot = p;
  }
  const result = room + 64 * Math.ceil(positions / 16);
  instantiate("markedExtremes", () => [emitExtremes(true)], arena).extremes(address, positions, channels, result, room, 4 * pivot);
  return arena.read(result, 2 * channels);
}

interface Sums {
  readonly low: Local<"v128">;
  readonly high: Local<"v128">;
  /** 0, or NaN once a value was not finite. */
  readonly trouble: Local<"v128">;
}

function see(f: FunctionBuilder, value: Local<"v128">, { low, high, trouble }: Sums): void {
  f.set(low, op("f32x4.pmin", low, value));
  f.set(high, op("f32x4.pmax", high, value));
  f.set(trouble, op("f32x4.add", trouble, op("f32x4.mul", value, f32x4(0))));
}

/**
 * extremes(x, run, runs, result, marks, pivot): `marks` are lanes of all or no bits for every float of a run; what is not
 * marked counts as the float `pivot` bytes into the run.
 */
function emitExtremes(marked: boolean): FunctionBuilder {
  const f = new FunctionBuilder("extremes", ["i32", "i32", "i32", "i32", "i32", ...(marked ? (["i32"] as const) : [])]);
  const [x, run, runs, result, marks, pivot] = f.pointers;
  const [index, left, mark] = f.locals("i32", 3);
  const sums: readonly Sums[] = [0, 1].map(() => ({ low: f.local("v128"), high: f.local("v128"), trouble: f.local("v128") }));
  const [value, start] = f.locals("v128", 2);
  const take = (kind: "v128.load" | "v128.load32_splat", offset: number, into: Sums): void => {
    const raw = load(kind, x, offset);
    f.set(value, marked ? op("v128.bitselect", raw, start, load(kind, mark, offset)) : raw);
    see(f, value, into);
  };
  const advance = (count: number): void => {
    f.bump(x, 4 * count);
    if (marked) f.bump(mark, 4 * count);
    f.set(left, op("i32.sub", left, i32(count)));
  };
  f.for(index, runs, 1, () => {
    f.set(start, load("v128.load32_splat", marked ? op("i32.add", x, pivot) : x));
    for (const s of sums) {
      f.set(s.low, start);
      f.set(s.high, start);
      f.set(s.trouble, f32x4(0));
    }
    f.set(left, run);
    if (marked) f.set(mark, marks);
    f.while(op("i32.ge_s", left, i32(STEP)), () => {
      for (let i = 0; i < STEP / 4; i++) take("v128.load", 16 * i, sums[i & 1]);
      advance(STEP);
    });
    f.while(op("i32.gt_s", left, i32(0)), () => {
      take("v128.load32_splat", 0, sums[0]);
      advance(1);
    });
    const [low, high, trouble] = (["low", "high", "trouble"] as const).map((k) => across(f, MERGES[k], sums[0][k], sums[1][k]));
    f.store("f32.store", result, op("f32.add", lane(low, 0), lane(trouble, 0)));
    f.store("f32.store", result, op("f32.add", lane(high, 0), lane(trouble, 0)), 4);
    f.bump(result, 8);
  });
  return f;
}

const MERGES = { low: "f32x4.pmin", high: "f32x4.pmax", trouble: "f32x4.add" } as const;

/** All lanes of two vectors in one, in every lane. */
function across(f: FunctionBuilder, merge: "f32x4.pmin" | "f32x4.pmax" | "f32x4.add", a: Vector, b: Vector): Local<"v128"> {
  const all = f.let(op(merge, a, b));
  f.set(all, op(merge, all, shuffle(all, all, [2, 3, 0, 1])));
  f.set(all, op(merge, all, shuffle(all, all, [1, 0, 3, 2])));
  return all;
}
