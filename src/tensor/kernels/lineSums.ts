import { type Expr, FunctionBuilder, i32, instantiate, type Local, load, op, placeTasks, shuffle } from "../../wasm/index.ts";
import { cuts, piecesFor, roundUp } from "./gemm.ts";
import type { Run } from "./index.ts";
import { type Placement, perThread, stepOf } from "./placement.ts";

type Vector = Expr<"v128">;
type Int = Local<"i32">;

/** Positions of one vector of floats. */
const STEP = 4;
/** Lines read side by side: as many streams as processors follow. */
const LINES = 4;
/** Positions of a task at most, whose sums stay in the first-level cache, and at least: whole cache lines of every line. */
const PIECE = { most: 1024, least: 64 };

const high = (quad: Vector): Vector => shuffle(quad, quad, [2, 3, 2, 3]);

/** Adds `count` lines to the sums, position by position, and leaves x behind them. */
function addLines(f: FunctionBuilder, count: number, x: Int, sums: Int, positions: Int, pitch: Int, magnitudes: boolean): void {
  const [left, to] = f.locals("i32", 2);
  const at = Array.from({ length: count }, (_, k) => f.let(k === 0 ? x : op("i32.add", x, op("i32.mul", pitch, i32(k)))));
  const [low, upper, value] = f.locals("v128", 3);
  f.set(left, positions);
  f.set(to, sums);
  f.while(op("i32.gt_s", left, i32(0)), () => {
    f.set(low, load("v128.load", to));
    f.set(upper, load("v128.load", to, 16));
    for (const line of at) {
      f.set(value, magnitudes ? op("f32x4.abs", load("v128.load", line)) : load("v128.load", line));
      f.set(low, op("f64x2.add", low, op("f64x2.promote_low_f32x4", value)));
      f.set(upper, op("f64x2.add", upper, op("f64x2.promote_low_f32x4", high(value))));
      f.bump(line, 4 * STEP);
    }
    f.store("v128.store", to, low);
    f.store("v128.store", to, upper, 16);
    f.bump(to, 8 * STEP);
    f.bump(left, -STEP);
  });
  f.bump(x, op("i32.mul", pitch, i32(count)));
}

/** Writes the sums, divided, as floats: the last vector goes over the last positions, some of them again. */
function writeSums(f: FunctionBuilder, y: Int, sums: Int, positions: Int, divisor: Int): void {
  const [at, from] = f.locals("i32", 2);
  const count = f.let(op("f64x2.convert_low_i32x4_s", op("i32x4.splat", divisor)));
  const share = (offset: number): Vector => op("f32x4.demote_f64x2_zero", op("f64x2.div", load("v128.load", from, offset), count));
  f.for(at, positions, STEP, () => {
    f.if(op("i32.gt_s", op("i32.add", at, i32(STEP)), positions), () => f.set(at, op("i32.sub", positions, i32(STEP))));
    f.set(from, op("i32.add", sums, op("i32.shl", at, i32(3))));
    f.store("v128.store", op("i32.add", y, op("i32.shl", at, i32(2))), shuffle(share(0), share(16), [0, 1, 4, 5]));
  });
}

/**
 * sums(x, y, lines, positions, pitch, divisor, scratch): over `lines` rows of `positions` floats, `pitch` bytes apart, in
 * double and in the order of the rows. There is a vector of positions or more; rows are read up to a whole vector.
 */
function emitLineSums(magnitudes: boolean): FunctionBuilder {
  const f = new FunctionBuilder(
    "sums",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [x, y, lines, positions, pitch, divisor, scratch] = f.pointers;
  f.zero(scratch, op("i32.shl", op("i32.add", positions, i32(STEP)), i32(3)));
  for (const count of [LINES, 1]) {
    f.while(op("i32.ge_s", lines, i32(count)), () => {
      addLines(f, count, x, scratch, positions, pitch, magnitudes);
      f.bump(lines, -count);
    });
  }
  writeSums(f, y, scratch, positions, divisor);
  return f;
}

/**
 * A run of y[outer, inner] = sum over `lines` of x[outer, lines, inner] or of its magnitudes, divided by `divisor`: in double
 * and in the order of the lines, as the reference adds. Undefined where there are too few positions.
 */
export function placeLineSums(
  call: Placement,
  [outer, lines, inner]: readonly [number, number, number],
  divisor: number,
  magnitudes: boolean,
): Run | undefined {
  const {
    arena,
    inputs: [x],
    outputs: [y],
  } = call;
  if (inner < STEP) return undefined;
  const { sums } = instantiate(`lineSums ${magnitudes}`, () => [emitLineSums(magnitudes)], arena);
  const piece = Math.min(PIECE.most, Math.max(PIECE.least, roundUp(Math.ceil(inner / piecesFor(arena, outer)), STEP)));
  const scratch = perThread(call, 8 * (Math.min(inner, piece) + 2 * STEP));
  const pieces = cuts(inner, piece);
  // What is left over is no piece of its own where it is shorter than a vector.
  if (inner > piece && inner % piece !== 0 && inner % piece < STEP) {
    const [, rest] = pieces.pop() as [number, number];
    pieces[pieces.length - 1][1] += rest;
  }
  const tasks = Array.from({ length: outer }, (_, n) =>
    pieces.map(([from, length]) => {
      const [source, target] = [x.address + 4 * (n * lines * inner + from), y.address + 4 * (n * inner + from)];
      return [stepOf(sums, [source, target, lines, length, 4 * inner, divisor, scratch])];
    }),
  ).flat();
  return placeTasks(arena, tasks, outer * lines * inner);
}
