import { type Expr, FunctionBuilder, f64x2, i32, type Local, load, op, shuffle } from "../../wasm/index.ts";

type Vector = Expr<"v128">;

/** Elements of one step of `squares`. */
const STEP = 8;
/** Outputs that `ordered` sums side by side: sums wait for one another, those of other outputs need not. */
export const OUTPUTS = 8;

/** sum + w (y - t)^2 in double. */
function addTerm(f: FunctionBuilder, sum: Local<"v128">, y: Vector, target: Vector, weight: Vector): void {
  const d = f.let(op("f64x2.sub", op("f64x2.promote_low_f32x4", y), op("f64x2.promote_low_f32x4", target)));
  f.set(sum, op("f64x2.add", sum, op("f64x2.mul", op("f64x2.mul", weight, d), d)));
}

/** squares(y, targets, weights, count, result): two sums that make up w (y - t)^2 over all; count is a multiple of the step. */
export function emitSquares(): FunctionBuilder {
  const f = new FunctionBuilder("squares", ["i32", "i32", "i32", "i32", "i32"]);
  const [y, targets, weights, count, result] = f.pointers;
  const index = f.local("i32");
  const sums = f.locals("v128", STEP / 2);
  const [a, b] = f.locals("v128", 2);
  f.for(index, count, STEP, () => {
    for (let quad = 0; quad < STEP / 4; quad++) {
      f.set(a, load("v128.load", y, 16 * quad));
      f.set(b, load("v128.load", targets, 16 * quad));
      addTerm(f, sums[2 * quad], a, b, load("v128.load", weights, 32 * quad));
      const high = (v: Vector): Vector => shuffle(v, v, [2, 3, 2, 3]);
      addTerm(f, sums[2 * quad + 1], high(a), high(b), load("v128.load", weights, 32 * quad + 16));
    }
    f.bump(y, 4 * STEP);
    f.bump(targets, 4 * STEP);
    f.bump(weights, 8 * STEP);
  });
  f.store(
    "v128.store",
    result,
    sums.reduce<Vector>((all, sum) => op("f64x2.add", all, sum), f64x2(0)),
  );
  return f;
}

/**
 * ordered(y, targets, weights, places, rows, result): w (y - t)^2 summed over the rows, for outputs `length` elements
 * apart; row r lies `places[r]` elements behind the first.
 */
export function emitOrdered(length: number): FunctionBuilder {
  const f = new FunctionBuilder("ordered", ["i32", "i32", "i32", "i32", "i32", "i32"]);
  const [y, targets, weights, places, rows, result] = f.pointers;
  const [row, place, yAt, targetAt, weightAt] = f.locals("i32", 5);
  const sums = f.locals("v128", OUTPUTS / 2);
  const both = (at: Local<"i32">, c: number): Vector =>
    shuffle(load("v128.load32_splat", at, 4 * c * length), load("v128.load32_splat", at, 4 * (c + 1) * length), [0, 4, 0, 4]);
  f.for(row, rows, 1, () => {
    f.set(place, load("i32.load", places));
    f.set(yAt, op("i32.add", y, op("i32.shl", place, i32(2))));
    f.set(targetAt, op("i32.add", targets, op("i32.shl", place, i32(2))));
    f.set(weightAt, op("i32.add", weights, op("i32.shl", place, i32(3))));
    sums.forEach((sum, pair) => {
      const c = 2 * pair;
      const [low, high] = [c, c + 1].map((k) => load("v128.load64_splat", weightAt, 8 * k * length));
      addTerm(f, sum, both(yAt, c), both(targetAt, c), shuffle(low, high, [0, 1, 4, 5]));
    });
    f.bump(places, 4);
  });
  sums.forEach((sum, pair) => f.store("v128.store", result, sum, 16 * pair));
  return f;
}

/** scatter(line, places, count, target): element i goes `places[i]` elements behind the target; elements of 4 or 8 bytes. */
export function emitScatter(bytes: 4 | 8): FunctionBuilder {
  const f = new FunctionBuilder(`scatter${bytes}`, ["i32", "i32", "i32", "i32"]);
  const [line, places, count, target] = f.pointers;
  const [index, to] = f.locals("i32", 2);
  f.for(index, count, 1, () => {
    f.set(to, op("i32.add", target, op("i32.shl", load("i32.load", places), i32(bytes === 4 ? 2 : 3))));
    if (bytes === 4) f.store("f32.store", to, load("f32.load", line));
    else f.store("f64.store", to, load("f64.load", line));
    f.bump(line, bytes);
    f.bump(places, 4);
  });
  return f;
}
