import { type Expr, FunctionBuilder, f32x4, i32, type Label, type Local, load, op, shuffle } from "../../wasm/index.ts";

/** A depthwise filter as code is emitted for it. */
export interface FilterCode {
  readonly kernel: readonly [number, number];
  /** Steps of the input per output row and column; columns 1 or 2. */
  readonly stride: readonly [number, number];
  /** Whether tap kx reads column x - kx in place of x + kx. */
  readonly mirrored: boolean;
  /** Vectors of neighbouring columns that are filtered together. */
  readonly strips: number;
}

/** Strips of a group that are masked where they reach outside the input. */
export type Masked = "none" | "first" | "last" | "all";

/** Vector registers at hand; older compilers load all of a basic block at its top, so blocks are kept within them. */
export const REGISTERS = 15;
/** Largest kernel whose weights are all held in registers (or on the stack) rather than read for every row. */
const HELD = 9;

/** A row of taps and the output it adds to, counted from the one that is finished next. */
interface TapRow {
  readonly ky: number;
  readonly age: number;
}

/** The tap rows that read row `i` of the `stride` input rows of a step. */
function tapRows({ kernel: [kh], stride: [sy] }: FilterCode, i: number): TapRow[] {
  const rows = Array.from({ length: kh }, (_, ky) => ({ ky, age: (kh + i - sy - ky) / sy }));
  return rows.filter(({ age }) => Number.isInteger(age));
}

/** What the taps kx (and kx + 1, where columns are dealt in twos) read: a vector per strip each. */
export function readColumns(f: FunctionBuilder, c: FilterCode, kx: number, at: Expr<"i32">): Local<"v128">[][] {
  const [kw, step] = [c.kernel[1], c.stride[1]];
  const from = 4 * (c.mirrored ? kw - 1 - kx : kx);
  const strips = Array.from({ length: c.strips }, (_, s) => from + 16 * step * s);
  if (step === 1) return [strips.map((offset) => f.let(load("v128.load", at, offset)))];
  const pairs = strips.map((offset) => [f.let(load("v128.load", at, offset)), f.let(load("v128.load", at, offset + 16))] as const);
  const even = pairs.map(([a, b]) => f.let(shuffle(a, b, [0, 2, 4, 6])));
  return kx + 1 === kw ? [even] : [even, pairs.map(([a, b]) => f.let(shuffle(a, b, [1, 3, 5, 7])))];
}

/** Whether a strip of a group is masked. */
export const isMasked = (masked: Masked, strip: number, strips: number): boolean =>
  masked === "all" || (masked === "first" && strip === 0) || (masked === "last" && strip === strips - 1);

/** Outputs that wait for further rows, the one finished next included. */
export const waitingOf = ({ kernel, stride }: Pick<FilterCode, "kernel" | "stride">): number => Math.floor((kernel[0] - 1) / stride[0]) + 1;

/** What the rows of a filter share while it is emitted. */
interface RowCode {
  readonly code: FilterCode;
  readonly masked: Masked;
  readonly at: Local<"i32">;
  readonly masks: Expr<"i32">;
  /** By age, then strip. */
  readonly sums: readonly (readonly Local<"v128">[])[];
  weight(tap: number): Local<"v128">;
}

/** Adds the products of one input row to all sums it reaches, taps of a row from left to right. */
function addRow(f: FunctionBuilder, r: RowCode, taps: readonly TapRow[]): void {
  const [, kw] = r.code.kernel;
  const spare = REGISTERS - 2 - r.code.strips * (r.sums.length + 1);
  const held = r.code.kernel[0] * kw <= HELD;
  let blocks = 0;
  f.block((done) => {
    for (let first = 0; first < kw; ) {
      newBlock(f, done, r.at, ++blocks);
      const columns = readColumns(f, r.code, first, r.at);
      let loads = r.code.stride[1] * r.code.strips;
      columns.forEach((xs, i) => {
        const kx = first + i;
        xs.forEach((x, s) => {
          if (isMasked(r.masked, s, xs.length)) f.set(x, op("v128.and", x, load("v128.load", r.masks, 16 * (kx * xs.length + s))));
        });
        for (const { ky, age } of taps) {
          if (!held && ++loads > spare) newBlock(f, done, r.at, ++blocks);
          if (loads > spare) loads = 1;
          const w = r.weight(ky * kw + kx);
          xs.forEach((x, s) => {
            const product = op("f32x4.mul", w, x);
            f.set(r.sums[age][s], ky === 0 && kx === 0 ? product : op("f32x4.add", product, r.sums[age][s]));
          });
        }
      });
      first += columns.length;
    }
  });
}

/**
 * Starts a new basic block with a branch that is never taken: no float has an odd address. It leads to where the sums are used,
 * so that what was added so far is computed before it.
 */
export function newBlock(f: FunctionBuilder, end: Label, address: Expr<"i32">, serial: number): void {
  f.breakIf(end, op("i32.eq", address, i32(2 * serial + 1)));
}

/** A function that gives the weights of taps: all held, or each read where it is used. */
function weightReader(f: FunctionBuilder, { kernel: [kh, kw] }: FilterCode, weights: Expr<"i32">): (tap: number) => Local<"v128"> {
  const read = (tap: number) => load("v128.load32_splat", weights, 4 * tap);
  if (kh * kw > HELD) {
    const w = f.local("v128");
    return (tap) => {
      f.set(w, read(tap));
      return w;
    };
  }
  const held = Array.from({ length: kh * kw }, (_, tap) => f.let(read(tap)));
  return (tap) => held[tap];
}

/**
 * name(input, rowStep, rows, top, weights, start, output, outputStep, count, masks): filters neighbouring strips, four columns
 * each, from the first row to the last. A row of the input is read once: it goes into the sums of all outputs it reaches.
 * Each sum takes its taps in row-major order, then the start. `input` is the address of row 0 under the leftmost tap of
 * column 0; the window of output row 0 begins `top` rows above it; rows outside are left out. `masks` holds a vector per tap
 * column and strip, that is ANDed with what a masked strip reads.
 */
export function emitStrips(name: string, code: FilterCode, masked: Masked): FunctionBuilder {
  const types = Array.from({ length: 10 }, (_, i) => (i === 5 ? ("f32" as const) : ("i32" as const)));
  const f = new FunctionBuilder(name, types);
  const [input, rowStep, rows, top, weights, , output, outputStep, count, masks] = f.pointers;
  const [kh, sy] = [code.kernel[0], code.stride[0]];
  const start = f.let(op("f32x4.splat", f.params[5] as Local<"f32">));
  const sums = Array.from({ length: waitingOf(code) }, () => f.locals("v128", code.strips));
  const weight = weightReader(f, code, weights);
  const before = Math.max(0, Math.ceil((kh - sy) / sy));
  const row = f.let(op("i32.sub", i32(kh - sy - before * sy), top));
  const at = f.let(op("i32.add", input, op("i32.mul", row, rowStep)));
  const y = f.let(i32(-before));
  f.while(op("i32.lt_s", y, count), () => {
    for (let i = 0; i < sy; i++) {
      const taps = tapRows(code, i);
      const fresh = taps.find(({ ky }) => ky === 0);
      const clear = () => sums[fresh!.age].forEach((s) => f.set(s, f32x4(0)));
      if (taps.length > 0) {
        f.if(op("i32.lt_u", row, rows), () => addRow(f, { code, masked, at, masks, sums, weight }, taps), fresh && clear);
      }
      f.bump(row, 1);
      f.bump(at, rowStep);
    }
    f.if(op("i32.ge_s", y, i32(0)), () => {
      sums[0].forEach((s, i) => f.store("v128.store", output, op("f32x4.add", s, start), 16 * i));
      f.bump(output, outputStep);
    });
    sums.slice(1).forEach((older, age) => older.forEach((s, i) => f.set(sums[age][i], s)));
    f.bump(y, 1);
  });
  return f;
}
