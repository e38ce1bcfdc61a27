import {
  type Arena,
  type Entry,
  type Expr,
  FunctionBuilder,
  i32,
  instantiate,
  type Local,
  load,
  op,
  placeTasks,
  type Task,
} from "../../wasm/index.ts";
import { broadcastStrides } from "../shape.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";
import { cuts } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
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

/**
 * The same for rows of broadcast operands, in two nested axes: rows(a, b, y, count0, a0, b0, count1, a1, b1, length), steps in bytes.
 * The last vector of a row overlaps the one before, so that rows of four and more write nothing behind their end.
 */
function emitRows(formula: Formula, name: Moving): FunctionBuilder {
  const f = new FunctionBuilder(
    name,
    Array.from({ length: 10 }, () => "i32" as const),
  );
  const [a, b, y, n0, a0, b0, n1, a1, b1, length] = f.pointers;
  const [i, j, rowA, rowB, atA, atB, left, back] = f.locals("i32", 8);
  const fixed = f.local("v128");
  const moving = name === "both" ? [atA!, atB!] : name === "left" ? [atB!] : [atA!];
  const value = (p: Local<"i32">, n: number) => (moving.includes(p) ? load("v128.load", p, 16 * n) : fixed);
  const vectors = (n: number): void => {
    for (let k = 0; k < n; k++) f.store("v128.store", y!, formula(value(atA!, k), value(atB!, k)), 16 * k);
    for (const p of [...moving, y!]) f.bump(p, 16 * n);
    f.set(left!, op("i32.sub", left!, i32(4 * n)));
  };
  const row = (): void => {
    f.set(atA!, rowA!);
    f.set(atB!, rowB!);
    f.set(left!, length!);
    if (name !== "both") f.set(fixed, load("v128.load32_splat", name === "left" ? atA! : atB!));
    f.while(op("i32.ge_s", left!, i32(16)), () => vectors(4));
    f.while(op("i32.ge_s", left!, i32(4)), () => vectors(1));
    f.if(op("i32.gt_s", left!, i32(0)), () => {
      f.set(back!, op("i32.shl", op("i32.sub", left!, i32(4)), i32(2)));
      f.if(op("i32.ge_s", length!, i32(4)), () => {
        for (const p of [...moving, y!]) f.bump(p, back!);
        f.set(back!, i32(0));
      });
      vectors(1);
      f.bump(y!, back!);
    });
  };
  f.for(i!, n0!, 1, () => {
    f.set(rowA!, a!);
    f.set(rowB!, b!);
    f.for(j!, n1!, 1, () => {
      row();
      f.bump(rowA!, a1!);
      f.bump(rowB!, b1!);
    });
    f.bump(a!, a0!);
    f.bump(b!, b0!);
  });
  return f;
}

const MOVING = ["both", "left", "right"] as const;
type Moving = (typeof MOVING)[number];

const entryOf = ([stepA, stepB]: readonly number[]): Moving => (stepA === 0 ? "left" : stepB === 0 ? "right" : "both");

/** Shorter runs than this cost more than the plain loop. */
const SHORT_RUN = 4;
/** Elements of a task at least. */
const PIECE = 16384;
/** An axis in front of all others that does nothing. */
const ONCE: Axis = [1, [0, 0]];

/** Rows of broadcast operands, cut into tasks along the outermost axis that has several. */
function placeRows(arena: Arena, loop: Entry, axes: readonly Axis[], [a, b, y]: readonly number[]): Run {
  const nest = [ONCE, ...axes].slice(-3) as [Axis, Axis, Axis];
  const [[length]] = nest.slice(-1) as [Axis];
  const cut = nest[0][0] > 1 ? 0 : 1;
  const [count, [stepA, stepB]] = nest[cut];
  const each = cut === 0 ? nest[1][0] * length : length;
  const piece = length < SHORT_RUN ? count : Math.max(1, Math.ceil(PIECE / each));
  const tasks: Task[] = [];
  let at = y!;
  walk(axes.slice(0, -3), [0, 0], ([fromA, fromB]) => {
    for (const [first, taken] of cuts(count, piece)) {
      const counts = [nest[0], nest[1]].flatMap(([all, steps], d) => [d === cut ? taken : all, ...steps.map((s) => 4 * s)]);
      const from = [a! + 4 * (fromA! + first * stepA!), b! + 4 * (fromB! + first * stepB!)];
      tasks.push([{ entry: loop, args: [...from, at, ...counts, length] }]);
      at += 4 * taken * each;
    }
  });
  // Short rows write behind their end: they run one after the other.
  return placeTasks(arena, length < SHORT_RUN ? [tasks.flat()] : tasks, (at - y!) / 4);
}

function kernelOf(name: string, formula: Formula): FastKernel {
  return {
    place({ arena, inputs: [a, b], outputs: [y] }) {
      if (!allFloat([a, b]) || y.shape.includes(0)) return undefined;
      const axes = mergeAxes(y.shape, [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape)]);
      const [length, steps] = axes[axes.length - 1];
      if (axes.length > 1 && length < SHORT_RUN && countOf(a) + countOf(b) > 4096) return undefined;
      const entry = entryOf(steps);
      const [pa, pb, py] = [a.address, b.address, y.address];
      if (axes.length > 1) {
        const loops = instantiate(`binary rows ${name}`, () => MOVING.map((moving) => emitRows(formula, moving)), arena);
        return placeRows(arena, loops[entry]!, axes, [pa, pb, py]);
      }
      const loop = instantiate(`binary ${name}`, () => emitLoops(formula), arena)[entry];
      return () => loop(pa, pb, py, length);
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
