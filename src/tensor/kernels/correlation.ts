import { type Expr, FunctionBuilder, f32x4, i32, type Local, lane, load, op } from "../../wasm/index.ts";
import { type FilterCode, newBlock, REGISTERS, readColumns } from "./rollingFilter.ts";

/** Sums that are kept in registers at once, beside a gradient, a product and what is read. */
const SUMS = 12;

/** Parameters of `correlate` and `correlateRest`, see there. */
interface Sides {
  readonly input: Local<"i32">;
  readonly rowStep: Local<"i32">;
  readonly rows: Local<"i32">;
  readonly top: Local<"i32">;
  readonly gradient: Local<"i32">;
  readonly gradientRow: Local<"i32">;
  readonly count: Local<"i32">;
  readonly table: Local<"i32">;
  readonly result: Local<"i32">;
}

function withSides(name: string, build: (f: FunctionBuilder, sides: Sides) => void): FunctionBuilder {
  const f = new FunctionBuilder(
    name,
    Array.from({ length: 9 }, () => "i32" as const),
  );
  const [input, rowStep, rows, top, gradient, gradientRow, count, table, result] = f.pointers;
  build(f, { input, rowStep, rows, top, gradient, gradientRow, count, table, result });
  return f;
}

/** Calls `body` for every row of the gradient, with the address and number of the input row under tap row 0. */
function eachRow(
  f: FunctionBuilder,
  s: Sides,
  strideRows: number,
  body: (from: Expr<"i32">, row: Expr<"i32">, gradient: Expr<"i32">) => void,
): void {
  const y = f.local("i32");
  const row = f.let(op("i32.sub", i32(0), s.top));
  const from = f.let(op("i32.sub", s.input, op("i32.mul", s.top, s.rowStep)));
  const gradient = f.let(s.gradient);
  f.for(y, s.count, 1, () => {
    body(from, row, gradient);
    f.bump(row, strideRows);
    f.bump(from, op("i32.mul", s.rowStep, i32(strideRows)));
    f.bump(gradient, s.gradientRow);
  });
}

/** Runs of tap rows whose sums fit the registers. */
function tapRowRuns([kh, kw]: readonly [number, number]): number[][] {
  const height = Math.max(1, Math.floor(SUMS / kw));
  const starts = Array.from({ length: Math.ceil(kh / height) }, (_, i) => i * height);
  return starts.map((first) => Array.from({ length: Math.min(height, kh - first) }, (_, i) => first + i));
}

/**
 * correlate(input, rowStep, rows, top, gradient, gradientRow, count, table, result): result[tap] += sum over the whole vectors
 * of gradient rows of gradient times what the tap reads, lanes apart and added at the end. `table` holds how many vectors of a
 * row are masked at its left, not masked, and masked at its right, then the masks (a vector per tap column) of the first and
 * the third. Rows outside the input, which begins `top` rows below the window of row 0, are left out.
 */
export const emitCorrelate = (code: FilterCode): FunctionBuilder =>
  withSides("correlate", (f, s) => {
    for (const kys of tapRowRuns(code.kernel)) correlateRows(f, s, code, kys);
  });

function correlateRows(f: FunctionBuilder, s: Sides, code: FilterCode, kys: readonly number[]): void {
  const { kernel, stride } = code;
  const [, kw] = kernel;
  const sums = kys.map(() => f.locals("v128", kw));
  for (const sum of sums.flat()) f.set(sum, f32x4(0));
  const spare = REGISTERS - 2 - sums.length * kw;
  const [index, at, g, masks] = f.locals("i32", 4);
  const product = f.local("v128");
  const tapRow = (i: number, masked: boolean): void =>
    f.block((done) => {
      const from = f.let(op("i32.add", at, op("i32.mul", s.rowStep, i32(kys[i]))));
      for (let kx = 0, loads = 0; kx < kw; ) {
        const columns = readColumns(f, code, kx, from);
        for (const [x] of columns) {
          if (masked) f.set(x, op("v128.and", x, load("v128.load", masks, 16 * kx)));
          f.set(sums[i][kx], op("f32x4.add", sums[i][kx], op("f32x4.mul", product, x)));
          kx++;
        }
        loads += stride[1] * (masked ? 2 : 1);
        if (loads + stride[1] > spare && kx < kw) newBlock(f, done, from, kx);
        if (loads + stride[1] > spare) loads = 0;
      }
    });
  eachRow(f, s, stride[0], (from, row, gradient) => {
    f.set(at, from);
    f.set(g, gradient);
    f.set(masks, op("i32.add", s.table, i32(12)));
    for (const kind of [0, 1, 2]) {
      f.for(index, load("i32.load", s.table, 4 * kind), 1, () => {
        f.set(product, load("v128.load", g));
        kys.forEach((ky, i) => f.if(op("i32.lt_u", op("i32.add", row, i32(ky)), s.rows), () => tapRow(i, kind !== 1)));
        f.bump(at, 16 * stride[1]);
        f.bump(g, 16);
        if (kind !== 1) f.bump(masks, 16 * kw);
      });
    }
  });
  kys.forEach((ky, i) => {
    sums[i].forEach((sum, kx) => {
      const offset = 4 * (ky * kw + kx);
      f.store("f32.store", s.result, op("f32.add", load("f32.load", s.result, offset), addLanes(sum)), offset);
    });
  });
}

/**
 * correlateRest(same parameters): the same for the last columns of a row, fewer than four, one at a time; lanes are taps of a
 * row, which read neighbours. `input` and `gradient` are addresses for the first such column; `table` holds their number, then
 * their masks, a vector per four taps of a row. The sums go on from `result`, so it runs before `correlate`.
 */
export const emitCorrelateRest = (code: FilterCode): FunctionBuilder =>
  withSides("correlateRest", (f, s) => {
    for (let ky = 0; ky < code.kernel[0]; ky++) {
      for (let kx = 0; kx < code.kernel[1]; kx += 4) correlateColumns(f, s, code, ky, kx);
    }
  });

function correlateColumns(f: FunctionBuilder, s: Sides, { kernel: [, kw], stride }: FilterCode, ky: number, first: number): void {
  const [index, at, g, masks] = f.locals("i32", 4);
  const offset = 4 * (ky * kw + first);
  const sum = f.let(load("v128.load", s.result, offset));
  eachRow(f, s, stride[0], (from, row, gradient) => {
    f.if(op("i32.lt_u", op("i32.add", row, i32(ky)), s.rows), () => {
      f.set(at, op("i32.add", from, op("i32.mul", s.rowStep, i32(ky))));
      f.set(g, gradient);
      f.set(masks, s.table);
      f.for(index, load("i32.load", s.table), 1, () => {
        const x = op("v128.and", load("v128.load", at, 4 * first), load("v128.load", masks, 4 + 4 * first));
        f.set(sum, op("f32x4.add", sum, op("f32x4.mul", load("v128.load32_splat", g), x)));
        f.bump(at, 4 * stride[1]);
        f.bump(g, 4);
        f.bump(masks, 16 * Math.ceil(kw / 4));
      });
    });
  });
  for (const kx of ([0, 1, 2, 3] as const).slice(0, kw - first)) f.store("f32.store", s.result, lane(sum, kx), offset + 4 * kx);
}

/** The sum of the four lanes of a vector, in a fixed order. */
function addLanes(v: Local<"v128">): Expr<"f32"> {
  return op("f32.add", op("f32.add", lane(v, 0), lane(v, 1)), op("f32.add", lane(v, 2), lane(v, 3)));
}
