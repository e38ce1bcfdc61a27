import { type Expr, FunctionBuilder, f32x4, i32, type Label, type Local, load, op, shuffle } from "../../wasm/index.ts";

/** A depthwise filter as code is emitted for it. */
export interface FilterCode {
  readonly kernel: readonly [number, number];
  /** Steps of the input per output row and column; columns 1 or 2. */
  readonly stride: readonly [number, number];
  /** Whether tap kx reads column x - kx in place of x + kx. */
  readonly mirrored: boolean;
}

/** Vector registers at hand; older compilers load all of a basic block at its top, so blocks are kept within them. */
const REGISTERS = 15;

/** Whether tap rows reach an output together, seen from the row it is finished with: the sum each tap row adds to. */
interface TapRow {
  readonly ky: number;
  /** Outputs between the one that is finished next and the one this tap row adds to. */
  readonly age: number;
}

/** Tap rows that read input row `i` of the `stride` rows of one step, oldest output first. */
function tapRows({ kernel: [kh], stride: [sy] }: FilterCode, i: number): TapRow[] {
  const rows = Array.from({ length: kh }, (_, ky) => ({ ky, age: (kh + i - sy - ky) / sy }));
  return rows.filter(({ age }) => Number.isInteger(age)).reverse();
}

/** Input columns under the taps kx and, where two steps share loads, kx + 1: one vector per strip each. */
function tapColumns(f: FunctionBuilder, c: FilterCode, kx: number, strips: number, at: Expr<"i32">): Local<"v128">[][] {
  const [step, kw] = [c.stride[1], c.kernel[1]];
  const column = c.mirrored ? kw - 1 - kx : kx;
  if (step === 1) return [Array.from({ length: strips }, (_, s) => f.let(load("v128.load", at, 16 * s + 4 * column)))];
  const halves = Array.from({ length: strips }, (_, s) =>
    [0, 16].map((half) => f.let(load("v128.load", at, 32 * s + half + 4 * column))),
  ) as [Local<"v128">, Local<"v128">][];
  const dealt = (
    [
      [0, 2, 4, 6],
      [1, 3, 5, 7],
    ] as const
  ).slice(0, Math.min(2, kw - kx));
  return dealt.map((lanes) => halves.map(([a, b]) => f.let(shuffle(a, b, lanes))));
}

/** Starts a new basic block: a branch that is never taken, different each time so that none is dropped. */
export function newBlock(f: FunctionBuilder, exit: Label, address: Expr<"i32">, serial: number): void {
  f.breakIf(exit, op("i32.eq", address, i32(serial)));
}

/**
 * name(input, rowStep, rows, top, weights, start, output, outputStep, count, masks): filters `strips` neighbouring columns of
 * vectors from the first row to the last. A row of the input is read once: it goes into the sums of all outputs it reaches.
 * Each sum takes its taps in row-major order, then the start. `input` is the address of row 0 under the tap of column 0;
 * row y of the output begins `top` rows above row y * stride; rows outside are left out. With `masked`, `masks` holds a
 * vector per tap column that is ANDed with what is read.
 */
export function emitStrips(name: string, c: FilterCode, strips: number, masked: boolean): FunctionBuilder {
  const f = new FunctionBuilder(
    name,
    Array.from({ length: 10 }, () => "i32" as const),
  );
  const [input, rowStep, rows, top, weights, start, output, outputStep, count, masks] = f.pointers;
  const { kernel, stride } = c;
  const [kh, kw] = kernel;
  const [sy, sx] = stride;
  const ages = Math.floor((kh - 1) / sy) + 1;
  const before = Math.max(0, Math.ceil((kh - sy) / sy));
  const sums = Array.from({ length: ages }, () => f.locals("v128", strips));
  // Adding 0 turns a start of -0 into 0, which a sum that began with 0 would give.
  const added = f.let(op("f32x4.add", load("v128.load32_splat", start!), f32x4(0)));
  const w = f.local("v128");
  const row = f.let(op("i32.sub", i32(kh - sy - before * sy), top!));
  const at = f.let(op("i32.add", input!, op("i32.mul", row, rowStep!)));
  const y = f.let(i32(-before));
  let serial = 0;
  const addRow = (taps: readonly TapRow[], exit: Label): void => {
    const spare = REGISTERS - 2 - strips * (ages + 1);
    for (let kx = 0; kx < kw; ) {
      newBlock(f, exit, at, ++serial);
      const columns = tapColumns(f, c, kx, strips, at);
      let loaded = sx * strips;
      for (const xs of columns) {
        if (masked) for (const x of xs) f.set(x, op("v128.and", x, load("v128.load", masks!, 16 * kx)));
        for (const { ky, age } of taps) {
          if (++loaded > spare) {
            newBlock(f, exit, at, ++serial);
            loaded = 1;
          }
          f.set(w, load("v128.load32_splat", weights!, 4 * (ky * kw + kx)));
          xs.forEach((x, s) => {
            const product = op("f32x4.mul", w, x);
            f.set(sums[age]![s]!, ky === 0 && kx === 0 ? product : op("f32x4.add", product, sums[age]![s]!));
          });
        }
        kx++;
      }
    }
  };
  f.block((exit) => {
    f.while(op("i32.lt_s", y, count!), () => {
      for (let i = 0; i < sy; i++) {
        const taps = tapRows(c, i);
        const fresh = taps.find(({ ky }) => ky === 0);
        const clear = () => {
          for (const s of sums[fresh!.age]!) f.set(s, f32x4(0));
        };
        if (taps.length > 0) f.if(op("i32.lt_u", row, rows!), () => addRow(taps, exit), fresh && clear);
        f.bump(row, 1);
        f.bump(at, rowStep!);
      }
      f.if(op("i32.ge_s", y, i32(0)), () => {
        sums[0]!.forEach((s, i) => f.store("v128.store", output!, op("f32x4.add", s, added), 16 * i));
        f.bump(output!, outputStep!);
      });
      sums.slice(1).forEach((older, age) => older.forEach((s, i) => f.set(sums[age]![i]!, s)));
      f.bump(y, 1);
    });
  });
  return f;
}
