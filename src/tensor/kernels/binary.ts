import { type Arena, type Expr, FunctionBuilder, i32, instantiate, type Local, load, op, sharedArena } from "../../wasm/index.ts";
import { broadcastStrides } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";
import type { FastKernel } from "./index.ts";
import { floats, stage, staged } from "./staging.ts";
import { add, div, max, min, mul, sub } from "./vectorMath.ts";

type Vector = Expr<"v128">;
type Formula = (a: Vector, b: Vector) => Vector;

/** The three loops of one op by which operand is a single number: both(a, b, y, count), left (a one number), right (b one number). */
function emitLoops(formula: Formula): FunctionBuilder[] {
  return (["both", "left", "right"] as const).map((name) => {
    const f = new FunctionBuilder(name, ["i32", "i32", "i32", "i32"]);
    const [a, b, y, count] = f.pointers as [Local<"i32">, Local<"i32">, Local<"i32">, Local<"i32">];
    const moving = name === "both" ? [a, b] : name === "left" ? [b] : [a];
    const fixed = f.local("v128");
    if (name !== "both") f.set(fixed, load("v128.load32_splat", name === "left" ? a : b));
    const left = f.let(count);
    const vectors = (n: number) => {
      for (let i = 0; i < n; i++) {
        const value = (p: Local<"i32">) => (moving.includes(p) ? load("v128.load", p, 16 * i) : fixed);
        f.store("v128.store", y, formula(value(a), value(b)), 16 * i);
      }
      for (const p of [...moving, y]) f.bump(p, 16 * n);
      f.set(left, op("i32.sub", left, i32(4 * n)));
    };
    f.while(op("i32.gt_s", left, i32(12)), () => vectors(4));
    f.while(op("i32.gt_s", left, i32(0)), () => vectors(1));
    return f;
  });
}

/** Floats per operand that pass through the arena at once where both run along. */
const CHUNK = 16384;

function chunked(arena: Arena, entry: string, formula: Formula, name: string, a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const loop = instantiate(name, () => emitLoops(formula), arena)[entry]!;
  const length = Math.max(a.length, b.length);
  arena.reset();
  const pa = arena.allocate(4 * Math.min(CHUNK, length));
  const pb = arena.allocate(4 * Math.min(CHUNK, length));
  const target = entry === "left" ? pb : pa;
  if (entry === "left") arena.write(pa, a.subarray(0, 1));
  if (entry === "right") arena.write(pb, b.subarray(0, 1));
  const y = length > CHUNK ? new Float32Array(length) : undefined;
  for (let i = 0; i < length; i += CHUNK) {
    const count = Math.min(CHUNK, length - i);
    if (entry !== "left") arena.write(pa, a.subarray(i, i + count));
    if (entry !== "right") arena.write(pb, b.subarray(i, i + count));
    loop(pa, pb, target, count);
    if (!y) return arena.read(target, length);
    y.set(arena.f32.subarray(target >> 2, (target >> 2) + count), i);
  }
  return y ?? new Float32Array(0);
}

/** Runs of one number against many, or many against many, wherever the outer axes put them. */
function spread(
  arena: Arena,
  axes: readonly Axis[],
  formula: Formula,
  name: string,
  a: Float32Array,
  b: Float32Array,
): Float32Array<ArrayBuffer> {
  const [length, steps] = axes[axes.length - 1]!;
  const loop = instantiate(name, () => emitLoops(formula), arena)[entryOf(steps)]!;
  const outer = axes.slice(0, -1);
  const size = outer.reduce((product, [n]) => product * n, length);
  const [pa, pb] = [stage(arena, a), stage(arena, b)];
  const y = arena.allocate(4 * size);
  let at = y;
  walk(outer, [0, 0], ([ia, ib]) => {
    // Rows ascend, so what a run writes behind its end is overwritten by the next.
    loop(pa + 4 * ia!, pb + 4 * ib!, at, length);
    at += 4 * length;
  });
  return arena.read(y, size);
}

const entryOf = ([stepA, stepB]: readonly number[]): "both" | "left" | "right" => (stepA === 0 ? "left" : stepB === 0 ? "right" : "both");

/** Shorter runs than this cost more in calls than the plain loop. */
const SHORT_RUN = 4;

function kernelOf(name: string, formula: Formula): FastKernel {
  return {
    run(inputs, _, [meta]) {
      const arrays = floats(inputs);
      if (!arrays || meta!.shape.includes(0)) return undefined;
      const [a, b] = arrays as [Float32Array, Float32Array];
      const { shape } = meta!;
      const axes = mergeAxes(
        shape,
        inputs.map((x) => broadcastStrides(x.shape, shape)),
      );
      const [length, steps] = axes[axes.length - 1]!;
      const key = `binary ${name}`;
      if (axes.length === 1) {
        return [new Tensor(meta!.shape, "f32", chunked(sharedArena(), entryOf(steps), formula, key, a, b))];
      }
      if (length < SHORT_RUN && a.length + b.length > 4096) return undefined;
      return staged((arena) => [new Tensor(meta!.shape, "f32", spread(arena, axes, formula, key, a, b))]);
    },
    bound: () => "exact",
  };
}

const formulas: Readonly<Record<string, Formula>> = { add, sub, mul, div, maximum: max, minimum: min };

/** Kernels of the binary ops, by op name: every step is exact, so the bits are those of the reference. */
export const binaryKernels: Readonly<Record<string, FastKernel>> = Object.fromEntries(
  Object.entries(formulas).map(([name, formula]) => [name, kernelOf(name, formula)]),
);
