import { type Expr, FunctionBuilder, f64x2, i32, type Local, load, op } from "../../wasm/index.ts";
import { above, add, div, type Exp2Constants, exp2Constants, exp2Quotient, lockstep, mul, sub } from "./exp2.ts";

type Vector = Expr<"v128">;

/** Scores per block, whose sums are plain: a lane multiplies up 512 factors of 1/2 to 1, far from underflow. */
export const BLOCK_SCORES = 1024;

/** Doubles of the table a pass reads. */
export const TABLE = { mean: 0, curve: 2, peak: 4, size: 6 } as const;

/** Vectors of the record of a block: two partial values each, of the scores at even and odd places. */
export const RECORD = { best: 0, share: 1, count: 2, first: 4, second: 6, size: 8 } as const;

const VECTOR_BYTES = 16;
/** Vectors a step of the loop takes at once: their chains of dependent instructions overlap. */
const VECTORS = 4;
/** Scores a step takes. */
export const STEP_SCORES = 2 * VECTORS;

/**
 * Sums of the scores between two addresses, a record a block. Parameters: first score, behind the last (whole steps),
 * table, first record.
 *
 * In base 2 throughout: a_k = peak_k + curve_k d_k^2 is the binary log of the weighted density of component k, and with
 * 2^(a0 - a1) = t / b the responsibilities are t / (t + b) and b / (t + b), without cancellation. `best` sums the larger
 * a_k, `share` multiplies up the larger responsibility: log2 sum_k 2^a_k = best - log2 share.
 */
export function statisticsFunction(): FunctionBuilder {
  const f = new FunctionBuilder("statistics", ["i32", "i32", "i32", "i32"]);
  const [score, end, table, record] = f.pointers;
  const stop = f.local("i32");
  const sums = f.locals("v128", RECORD.size);
  const constants = { ...componentsIn(f, table), one: f.let(f64x2(1)), exp2: exp2Constants(f) };
  f.while(op("i32.lt_u", score, end), () => {
    f.set(stop, op("i32.add", score, i32(8 * BLOCK_SCORES)));
    f.if(op("i32.lt_u", end, stop), () => f.set(stop, end));
    for (const [slot, sum] of sums.entries()) f.set(sum, f64x2(slot === RECORD.share ? 1 : 0));
    f.doWhile(
      () => {
        addScores(f, score, constants, sums);
        f.bump(score, 8 * STEP_SCORES);
      },
      op("i32.lt_u", score, stop),
    );
    for (const [slot, sum] of sums.entries()) f.store("v128.store", record, sum, VECTOR_BYTES * slot);
    f.bump(record, VECTOR_BYTES * RECORD.size);
  });
  return f;
}

interface Constants extends ReturnType<typeof componentsIn> {
  readonly one: Vector;
  readonly exp2: Exp2Constants;
}

/** The constants of both components, held in locals. */
function componentsIn(f: FunctionBuilder, table: Expr<"i32">) {
  const pairAt = (slot: number): Vector[] => [0, 1].map((k) => f.let(load("v128.load64_splat", table, 8 * (slot + k))));
  return { means: pairAt(TABLE.mean), curves: pairAt(TABLE.curve), peaks: pairAt(TABLE.peak) };
}

/** Adds the scores of one step to the sums. */
function addScores(f: FunctionBuilder, score: Expr<"i32">, c: Constants, sums: readonly Local<"v128">[]): void {
  const each = (make: (i: number) => Vector) => lockstep(f, VECTORS, make);
  const total = (values: readonly Vector[]): Vector => values.reduce(add);
  const addTo = (slot: number, value: Vector): void => f.set(sums[slot], add(sums[slot], value));
  const x = each((i) => load("v128.load", score, VECTOR_BYTES * i));
  const d = c.means.map((mean) => each((i) => sub(x[i], mean)));
  const a = d.map((dk, k) => each((i) => add(mul(mul(c.curves[k], dk[i]), dk[i]), c.peaks[k])));
  const odds = each((i) => sub(a[0][i], a[1][i]));
  const quotients = exp2Quotient(f, odds, c.exp2);
  const inverse = each((i) => div(c.one, add(...quotients[i])));
  const r0 = each((i) => mul(quotients[i][0], inverse[i]));
  // Where the quotient stops growing, component 1 answers for nothing.
  const r1 = each((i) => op("v128.andnot", mul(quotients[i][1], inverse[i]), op("f64x2.ge", odds[i], c.exp2.highest)));
  addTo(RECORD.best, total(a[0].map((a0, i) => above(a0, a[1][i]))));
  f.set(sums[RECORD.share], mul(sums[RECORD.share], r0.map((r, i) => above(r, r1[i])).reduce(mul)));
  for (const [k, r] of [r0, r1].entries()) {
    addTo(RECORD.count + k, total(r));
    const weighted = each((i) => mul(r[i], d[k][i]));
    addTo(RECORD.first + k, total(weighted));
    addTo(RECORD.second + k, total(weighted.map((w, i) => mul(w, d[k][i]))));
  }
}
