import { FunctionBuilder, f32x4, i32, type Label, type Local, load, op, shuffle } from "../../wasm/index.ts";
import { isMasked, type Masked, newBlock, REGISTERS } from "./rollingFilter.ts";

/** The transpose of a depthwise filter of stride 2 as code is emitted for it. */
export interface PhaseCode {
  readonly kernel: readonly [number, number];
  /** Padding above and to the left, modulo 2. */
  readonly parity: readonly [number, number];
  /** Vectors of neighbouring gradient columns that are spread together. */
  readonly strips: number;
}

/** A tap with the remainder modulo 2 of the positions it adds to, and how many gradient positions ahead it reads for them. */
export interface PhaseTap {
  readonly tap: number;
  readonly phase: number;
  readonly ahead: number;
}

/** The taps of one axis in their order. */
export const phaseTaps = ({ kernel, parity }: PhaseCode, axis: 0 | 1): PhaseTap[] =>
  Array.from({ length: kernel[axis] }, (_, tap) => {
    const phase = (tap + parity[axis]) % 2;
    return { tap, phase, ahead: (phase + parity[axis] - tap) / 2 };
  });

/** The least of how far taps read ahead. */
export const leastAhead = (taps: readonly PhaseTap[]): number => Math.min(...taps.map(({ ahead }) => ahead));

/**
 * name(input, rowStep, rows, top, weights, start, output, outputStep, count, masks): spreads neighbouring strips of a gradient,
 * four columns each, over eight columns of the output each and all its `count` rows. Every output takes its taps in row-major
 * order, then the start. `input` is the address of row 0 under the tap that reads furthest back; output row 0 reads from `top`
 * rows below it on; rows outside are left out. `masks` holds a vector per column read and strip, that is ANDed with what a
 * masked strip reads.
 */
export function emitPhases(name: string, code: PhaseCode, masked: Masked): FunctionBuilder {
  const types = Array.from({ length: 10 }, (_, i) => (i === 5 ? ("f32" as const) : ("i32" as const)));
  const f = new FunctionBuilder(name, types);
  const [input, rowStep, rows, top, weights, , output, outputStep, count, masks] = f.pointers;
  const start = f.let(op("f32x4.splat", f.params[5] as Local<"f32">));
  const [vertical, horizontal] = [phaseTaps(code, 0), phaseTaps(code, 1)];
  const back = leastAhead(horizontal);
  /** By phase, then strip. */
  const sums = [f.locals("v128", code.strips), f.locals("v128", code.strips)];
  const w = f.local("v128");
  const row = f.let(top);
  const y = f.local("i32");
  const from = f.local("i32");
  const spare = REGISTERS - 2 - 2 * code.strips;
  const addRow = (ky: number, done: Label): void => {
    const read = new Map<number, Local<"v128">[]>();
    let loads = 0;
    for (const { tap, phase, ahead } of horizontal) {
      const column = ahead - back;
      const fresh = read.has(column) ? 1 : 1 + code.strips;
      if (loads + fresh > spare) newBlock(f, done, from, tap);
      loads = loads + fresh > spare ? fresh : loads + fresh;
      const xs = read.get(column) ?? Array.from({ length: code.strips }, (_, s) => f.let(load("v128.load", from, 4 * column + 16 * s)));
      if (!read.has(column)) {
        xs.forEach((x, s) => {
          if (isMasked(masked, s, xs.length)) f.set(x, op("v128.and", x, load("v128.load", masks, 16 * (column * xs.length + s))));
        });
      }
      read.set(column, xs);
      f.set(w, load("v128.load32_splat", weights, 4 * (ky * code.kernel[1] + tap)));
      xs.forEach((x, s) => f.set(sums[phase][s], op("f32x4.add", op("f32x4.mul", w, x), sums[phase][s])));
    }
  };
  const outputRow = (phase: number): void => {
    for (const s of sums.flat()) f.set(s, f32x4(0));
    for (const { tap, ahead } of vertical.filter((t) => t.phase === phase)) {
      const at = f.let(op("i32.add", row, i32(ahead)));
      f.if(op("i32.lt_u", at, rows), () => {
        f.set(from, op("i32.add", input, op("i32.mul", at, rowStep)));
        f.block((done) => addRow(tap, done));
      });
    }
    for (const s of sums.flat()) f.set(s, op("f32x4.add", s, start));
    sums[0].forEach((even, s) => {
      f.store("v128.store", output, shuffle(even, sums[1][s], [0, 4, 1, 5]), 32 * s);
      f.store("v128.store", output, shuffle(even, sums[1][s], [2, 6, 3, 7]), 32 * s + 16);
    });
    f.bump(output, outputStep);
  };
  f.for(y, count, 2, () => {
    outputRow(0);
    f.if(op("i32.lt_s", op("i32.add", y, i32(1)), count), () => outputRow(1));
    f.bump(row, 1);
  });
  return f;
}
