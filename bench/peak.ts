import { unsigned } from "../src/wasm/encode.ts";
import { assemble, type Expr, FunctionBuilder, f32x4, i32, i32x4, instantiate, load, op, stagingArena } from "../src/wasm/index.ts";

/** The limits of this runtime that a kernel's rate is held against. */
export type PeakName = "f32" | "relaxed" | "i16";

/** Operations per second of every limit that this runtime has, in 10^9. */
export type Peaks = Readonly<Partial<Record<PeakName, number>>>;

type Vector = Expr<"v128">;
/** One step of an accumulator, and the operations in it. */
interface Step {
  readonly operations: number;
  next(sum: Vector, x: Vector, y: Vector): Vector;
}

const simd = (code: number, ...operands: readonly Vector[]): Vector => ({
  type: "v128",
  bytes: [...operands.flatMap((e) => e.bytes), 0xfd, ...unsigned(code)],
});
const DOT_I16 = 0xba;
const RELAXED_MADD = 0x105;

const STEPS: Readonly<Record<PeakName, Step>> = {
  f32: { operations: 8, next: (sum, x, y) => op("f32x4.add", op("f32x4.mul", sum, x), y) },
  relaxed: { operations: 8, next: (sum, x, y) => simd(RELAXED_MADD, sum, x, y) },
  i16: { operations: 16, next: (sum, x) => op("i32x4.add", sum, simd(DOT_I16, sum, x)) },
};

/** Enough chains to hide the latency of a multiplication and an addition, few enough to stay in registers with two constants. */
const CHAINS = 12;
const UNROLLED = 4;
const TURNS = 20_000;
const BURSTS = 5;

function emit(name: PeakName): FunctionBuilder {
  const f = new FunctionBuilder(name, ["i32", "i32"]);
  const [turns, at] = f.pointers;
  const x = f.let(name === "i16" ? i32x4(3) : f32x4(0.5));
  const y = f.let(f32x4(1e-6));
  const sums = Array.from({ length: CHAINS }, (_, k) => f.let(load("v128.load", at!, 16 * k)));
  f.for(f.local("i32"), turns!, UNROLLED, () => {
    for (let k = 0; k < UNROLLED; k++) for (const sum of sums) f.set(sum, STEPS[name].next(sum, x, y));
  });
  sums.forEach((sum, k) => f.store("v128.store", op("i32.add", at!, i32(16 * k)), sum));
  return f;
}

const NAMES = Object.keys(STEPS) as PeakName[];
const available = NAMES.filter((name) => WebAssembly.validate(assemble([emit(name)])));

/**
 * The rates that instructions alone reach now, without memory, in the best of a few bursts of at least `milliseconds` each: a call
 * is held to bursts of its own length, since on a busy machine short ones find a quiet moment and long ones do not.
 */
export function peaks(names: readonly PeakName[] = NAMES, milliseconds = 0): Peaks {
  const arena = stagingArena();
  const found: Partial<Record<PeakName, number>> = {};
  for (const name of names) {
    if (!available.includes(name)) continue;
    const run = instantiate(`bench peak ${name}`, () => [emit(name)], arena)[name]!;
    arena.reset();
    const at = arena.allocate(16 * CHAINS);
    const burst = (turns: number): number => {
      arena.write(at, new Float32Array(4 * CHAINS).fill(1e-3));
      const start = performance.now();
      run(turns * UNROLLED, at);
      return performance.now() - start;
    };
    const turns = Math.round(TURNS * Math.max(1, milliseconds / burst(TURNS)));
    const times = Array.from({ length: BURSTS }, () => burst(turns));
    found[name] = (turns * UNROLLED * CHAINS * STEPS[name].operations) / Math.min(...times) / 1e6;
  }
  return found;
}
