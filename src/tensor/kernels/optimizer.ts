import { type Expr, FunctionBuilder, f64x2, i32, instantiate, type Local, lane, load, op, placeTasks, shuffle } from "../../wasm/index.ts";
import type { AdamStepAttrs, RmspropStepAttrs, SgdStepAttrs } from "../ops/optimizer.ts";
import type { FastKernel } from "./index.ts";
import { countOf } from "./placement.ts";

type Vector = Expr<"v128">;

const add = (a: Vector, b: Vector): Vector => op("f64x2.add", a, b);
const sub = (a: Vector, b: Vector): Vector => op("f64x2.sub", a, b);
const mul = (a: Vector, b: Vector): Vector => op("f64x2.mul", a, b);
const div = (a: Vector, b: Vector): Vector => op("f64x2.div", a, b);

/** The values of two elements in double: parameter, gradient, memory by slot, and the rates, the same in both lanes. */
interface Pair {
  readonly f: FunctionBuilder;
  readonly p: Local<"v128">;
  readonly g: Local<"v128">;
  readonly memory: readonly Local<"v128">[];
  readonly rates: readonly Local<"v128">[];
}

interface Row<A> {
  readonly rates: number;
  slots(attrs: A): number;
  /** Sets the memory and gives the new values, by the steps of the reference in their order. */
  apply(pair: Pair, attrs: A): Vector;
}

/** Memory lies element by element: the lanes of `slots` vectors are dealt out to the slots, or back. */
function deal(vectors: readonly Vector[], back: boolean): Vector[] {
  const [a, b, c] = vectors;
  if (!b) return [...vectors];
  if (!c) return [shuffle(a, b, [0, 1, 4, 5]), shuffle(a, b, [2, 3, 6, 7])];
  return back
    ? [shuffle(a, b, [0, 1, 4, 5]), shuffle(c, a, [0, 1, 6, 7]), shuffle(b, c, [2, 3, 6, 7])]
    : [shuffle(a, b, [0, 1, 6, 7]), shuffle(a, c, [2, 3, 4, 5]), shuffle(b, c, [0, 1, 6, 7])];
}

/** update(p, g, memory, rates, next, remembered, count), two elements at a time; outputs may lie where p and memory do. */
function emitUpdate<A>(row: Row<A>, attrs: A): FunctionBuilder {
  const f = new FunctionBuilder(
    "update",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [p, g, memory, rates, next, remembered, count] = f.pointers;
  const slots = row.slots(attrs);
  const given = Array.from({ length: row.rates }, (_, i) => f.let(load("v128.load64_splat", rates, 8 * i)));
  const [value, gradient] = f.locals("v128", 2);
  const held = f.locals("v128", slots);
  const read = f.locals("v128", slots);
  const result = f.local("v128");
  const doubles = (from: Local<"i32">): Vector => op("f64x2.promote_low_f32x4", load("v128.load64_zero", from));
  f.while(op("i32.gt_s", count, i32(0)), () => {
    f.set(value, doubles(p));
    f.set(gradient, doubles(g));
    read.forEach((v, i) => f.set(v, load("v128.load", memory, 16 * i)));
    deal(read, false).forEach((v, i) => f.set(held[i], v));
    f.set(result, op("f32x4.demote_f64x2_zero", row.apply({ f, p: value, g: gradient, memory: held, rates: given }, attrs)));
    f.store("f32.store", next, lane(result, 0));
    f.store("f32.store", next, lane(result, 1), 4);
    deal(held, true).forEach((v, i) => f.store("v128.store", remembered, v, 16 * i));
    for (const pointer of [p, g, next]) f.bump(pointer, 8);
    for (const pointer of [memory, remembered]) f.bump(pointer, 16 * slots);
    f.set(count, op("i32.sub", count, i32(2)));
  });
  return f;
}

/** Elements of a task: even, so that a pair that reaches beyond its task does so at the very end only. */
const PIECE = 8192;
/** Divisions and a square root of doubles weigh as much as this many multiply-adds. */
const COST = 40;

/** One row of the table as a kernel; every step is an IEEE step of the reference. */
function kernelOf<A>(name: string, row: Row<A>): FastKernel {
  return {
    place({ arena, inputs: [p, g, memory, rates], outputs: [next, remembered], attrs }) {
      const count = countOf(p);
      if (p.dtype !== "f32" || count === 0) return undefined;
      const slots = row.slots(attrs as A);
      const { update } = instantiate(`${name} ${JSON.stringify(attrs)}`, () => [emitUpdate(row, attrs as A)], arena);
      const tasks = Array.from({ length: Math.ceil(count / PIECE) }, (_, i) => {
        const from = i * PIECE;
        const [narrow, wide] = [4 * from, 8 * slots * from];
        const args = [p.address + narrow, g.address + narrow, memory.address + wide, rates.address];
        return [{ entry: update, args: [...args, next.address + narrow, remembered.address + wide, Math.min(PIECE, count - from)] }];
      });
      return placeTasks(arena, tasks, COST * count);
    },
    bound: () => "exact",
  };
}

/** d = g + weightDecay p. */
const decayed = ({ f, p, g }: Pair, weightDecay: number): Local<"v128"> => f.let(add(g, mul(f64x2(weightDecay), p)));

/** Kernels of the optimisation steps, by op name. */
export const optimizerKernels: Readonly<Record<string, FastKernel>> = {
  sgdStep: kernelOf<SgdStepAttrs>("sgdStep", {
    rates: 3,
    slots: ({ momentum }) => (momentum === 0 ? 0 : 1),
    apply(pair, { momentum, nesterov, weightDecay }) {
      const { f, p, memory, rates } = pair;
      const [lr, kept, added] = rates;
      const d = decayed(pair, weightDecay);
      if (momentum === 0) return sub(p, mul(lr, d));
      const [m] = memory;
      f.set(m, add(mul(kept, m), mul(added, d)));
      return sub(p, mul(lr, nesterov ? add(d, mul(f64x2(momentum), m)) : m));
    },
  }),
  adamStep: kernelOf<AdamStepAttrs>("adamStep", {
    rates: 3,
    slots: ({ amsgrad }) => (amsgrad ? 3 : 2),
    apply(pair, { betas: [beta1, beta2], eps, weightDecay, amsgrad, decoupled }) {
      const { f, p, g, memory, rates } = pair;
      const [shrink, step, root] = rates;
      const start = decoupled ? mul(p, shrink) : p;
      const d = decoupled ? g : decayed(pair, weightDecay);
      const [m, v, largest] = memory;
      f.set(m, add(mul(f64x2(beta1), m), mul(f64x2(1 - beta1), d)));
      f.set(v, add(mul(f64x2(beta2), v), mul(mul(f64x2(1 - beta2), d), d)));
      if (amsgrad) f.set(largest, op("f64x2.max", largest, v));
      const spread = div(op("f64x2.sqrt", amsgrad ? largest : v), root);
      return sub(start, div(mul(step, m), add(spread, f64x2(eps))));
    },
  }),
  rmspropStep: kernelOf<RmspropStepAttrs>("rmspropStep", {
    rates: 1,
    slots: ({ momentum }) => (momentum === 0 ? 1 : 2),
    apply(pair, { alpha, eps, momentum, weightDecay }) {
      const { f, p, memory, rates } = pair;
      const [lr] = rates;
      const [v, moved] = memory;
      const d = decayed(pair, weightDecay);
      f.set(v, add(mul(f64x2(alpha), v), mul(mul(f64x2(1 - alpha), d), d)));
      const move = div(d, add(op("f64x2.sqrt", v), f64x2(eps)));
      if (momentum === 0) return sub(p, mul(lr, move));
      f.set(moved, add(mul(f64x2(momentum), moved), move));
      return sub(p, mul(lr, moved));
    },
  }),
};
