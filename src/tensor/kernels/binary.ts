import { type Expr, FunctionBuilder, i32, instantiate, type Local, load, op } from "../../wasm/index.ts";
import { broadcastStrides } from "../shape.ts";
import { mergeAxes, walk } from "./axes.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf } from "./placement.ts";
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

const entryOf = ([stepA, stepB]: readonly number[]): "both" | "left" | "right" => (stepA === 0 ? "left" : stepB === 0 ? "right" : "both");

/** Shorter runs than this cost more in calls than the plain loop. */
const SHORT_RUN = 4;

function kernelOf(name: string, formula: Formula): FastKernel {
  return {
    place({ arena, inputs: [a, b], outputs: [y] }) {
      if (!allFloat([a, b]) || y.shape.includes(0)) return undefined;
      const axes = mergeAxes(y.shape, [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape)]);
      const [length, steps] = axes[axes.length - 1];
      if (axes.length > 1 && length < SHORT_RUN && countOf(a) + countOf(b) > 4096) return undefined;
      const loop = instantiate(`binary ${name}`, () => emitLoops(formula), arena)[entryOf(steps)];
      const [pa, pb, py] = [a.address, b.address, y.address];
      if (axes.length === 1) return () => loop(pa, pb, py, length);
      const outer = axes.slice(0, -1);
      let at = py;
      // Rows ascend, so what a run writes behind its end is overwritten by the next.
      const row = ([ia, ib]: readonly number[]): void => {
        loop(pa + 4 * ia, pb + 4 * ib, at, length);
        at += 4 * length;
      };
      return () => {
        at = py;
        walk(outer, [0, 0], row);
      };
    },
    elementwise: () => true,
    formula: ([a, b]) =>
      a.dtype === "f32" && b.dtype === "f32"
        ? { name, weight: 1, parameters: [], apply: (_, [left, right]) => formula(left!, right!) }
        : undefined,
    bound: () => "exact",
  };
}

const formulas: Readonly<Record<string, Formula>> = { add, sub, mul, div, maximum: max, minimum: min };

/** Kernels of the binary ops, by op name: every step is exact, so the bits are those of the reference. */
export const binaryKernels: Readonly<Record<string, FastKernel>> = Object.fromEntries(
  Object.entries(formulas).map(([name, formula]) => [name, kernelOf(name, formula)]),
);
