import {
  type Arena,
  type Entry,
  type Expr,
  FunctionBuilder,
  f32x4,
  i32,
  instantiate,
  type Local,
  lane,
  load,
  op,
} from "../../wasm/index.ts";

const kernel = (arena: Arena): Readonly<Record<string, Entry>> => instantiate("depthwise", () => [emitFilter(), emitCorrelate()], arena);

/** How planes are filtered: steps in bytes, sizes in pixels. */
export interface Plane {
  /** Bytes from the input row of one output row to that of the next. */
  readonly rowStep: number;
  readonly rows: number;
  readonly columns: number;
  /** Table of byte offsets, one per tap. */
  readonly taps: number;
  readonly count: number;
}

/**
 * output[y, x] = (sum over taps of weights[t] * input[y, x + tap t]) + start. Rows are written in whole vectors,
 * so up to 3 floats behind the output are overwritten.
 */
export function filterPlane(arena: Arena, p: Plane, input: number, weights: number, start: number, output: number): void {
  kernel(arena).filter!(input, p.rowStep, p.rows, p.columns, p.taps, p.count, weights, start, output);
}

/** result[t] += sum over y, x of gradient[y, x] * input[y, x + tap t], gradient dense. */
export function correlatePlane(arena: Arena, p: Plane, input: number, gradient: number, result: number): void {
  kernel(arena).correlate!(input, p.rowStep, p.rows, p.columns, p.taps, p.count, gradient, result);
}

/** filter(input, rowStep, rows, columns, taps, count, weights, start: f32, output). */
function emitFilter(): FunctionBuilder {
  const f = new FunctionBuilder("filter", ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32", "i32"]);
  const [input, rowStep, rows, columns, taps, count, weights, , output] = f.pointers;
  const added = f.let(op("f32x4.splat", f.params[7] as Local<"f32">));
  const [y, left, from, to, tap, weight] = f.locals("i32", 6);
  const end = f.let(op("i32.add", taps!, op("i32.mul", count!, i32(4))));
  const sums = f.locals("v128", 4);
  const w = f.local("v128");
  const at = f.local("i32");
  const strip = (vectors: number) => {
    const active = sums.slice(0, vectors);
    for (const s of active) f.set(s, f32x4(0));
    f.set(tap!, taps!);
    f.set(weight!, weights!);
    f.while(op("i32.lt_u", tap!, end), () => {
      f.set(w, load("v128.load32_splat", weight!));
      f.set(at, op("i32.add", from!, load("i32.load", tap!)));
      active.forEach((s, i) => f.set(s, op("f32x4.add", op("f32x4.mul", w, load("v128.load", at, 16 * i)), s)));
      f.bump(tap!, 4);
      f.bump(weight!, 4);
    });
    active.forEach((s, i) => f.store("v128.store", to!, op("f32x4.add", s, added), 16 * i));
    f.bump(from!, 16 * vectors);
    f.bump(to!, 16 * vectors);
    f.set(left!, op("i32.sub", left!, i32(4 * vectors)));
  };
  f.for(y!, rows!, 1, () => {
    f.set(from!, input!);
    f.set(to!, output!);
    f.set(left!, columns!);
    // Twelve columns or fewer are cheaper in single vectors than in a strip of sixteen.
    f.while(op("i32.gt_s", left!, i32(12)), () => strip(4));
    f.while(op("i32.gt_s", left!, i32(0)), () => strip(1));
    f.bump(input!, rowStep!);
    f.bump(output!, op("i32.mul", columns!, i32(4)));
  });
  return f;
}

/** correlate(input, rowStep, rows, columns, taps, count, gradient, result). */
function emitCorrelate(): FunctionBuilder {
  const f = new FunctionBuilder(
    "correlate",
    Array.from({ length: 8 }, () => "i32" as const),
  );
  const [input, rowStep, rows, columns, taps, count, gradient, result] = f.pointers;
  const [tap, y, x, row, from, g] = f.locals("i32", 6);
  const sum = f.local("v128");
  const rest = f.local("f32");
  const whole = f.let(op("i32.sub", columns!, i32(3)));
  f.for(tap!, count!, 1, () => {
    f.set(row!, op("i32.add", input!, load("i32.load", taps!)));
    f.set(g!, gradient!);
    f.set(sum, f32x4(0));
    f.set(rest, load("f32.load", result!));
    f.for(y!, rows!, 1, () => {
      f.set(from!, row!);
      f.set(x!, i32(0));
      f.while(op("i32.lt_s", x!, whole), () => {
        f.set(sum, op("f32x4.add", sum, op("f32x4.mul", load("v128.load", g!), load("v128.load", from!))));
        f.bump(g!, 16);
        f.bump(from!, 16);
        f.bump(x!, 4);
      });
      f.while(op("i32.lt_s", x!, columns!), () => {
        f.set(rest, op("f32.add", rest, op("f32.mul", load("f32.load", g!), load("f32.load", from!))));
        f.bump(g!, 4);
        f.bump(from!, 4);
        f.bump(x!, 1);
      });
      f.bump(row!, rowStep!);
    });
    f.store("f32.store", result!, op("f32.add", rest, addLanes(sum)));
    f.bump(result!, 4);
    f.bump(taps!, 4);
  });
  return f;
}

/** The sum of the four lanes of a vector, in a fixed order. */
function addLanes(v: Local<"v128">): Expr<"f32"> {
  return op("f32.add", op("f32.add", lane(v, 0), lane(v, 1)), op("f32.add", lane(v, 2), lane(v, 3)));
}
