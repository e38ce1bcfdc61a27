import { type Arena, FunctionBuilder, i32, i32x4, instantiate, interleave16, type Local, load, op, type Step } from "../../wasm/index.ts";

/** Register tile: 4 output channels of 8 pixels; sums, two loads and a splat fit the 15 registers of the engine. */
export const ROWS = 4;
export const COLUMNS = 8;
/** Pixels per packed block: sums of 256 channels and packed codes of 512 terms stay in the second-level cache. */
export const BLOCK_COLUMNS = 128;
/** Pairs of terms per block: a strip of both operands stays in the first-level cache. */
const MOST_PAIRS = 512;

export const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** Terms are multiplied in pairs; the pairs of a product in blocks of nearly equal size, as [start, end). */
export function pairBlocks(pairs: number): [number, number][] {
  const count = Math.max(1, Math.ceil(pairs / MOST_PAIRS));
  const step = Math.ceil(pairs / count);
  return Array.from({ length: count }, (_, i) => [i * step, Math.min(pairs, (i + 1) * step)]);
}

/** Blocks come in multiples of this many, so that threads get equal shares. */
const SHARES = 4;

/** Pixels per block of a product: blocks of nearly equal size, in whole eights. */
export function blockColumns(pixels: number): number {
  const count = roundUp(Math.ceil(pixels / BLOCK_COLUMNS), SHARES);
  return roundUp(Math.ceil(pixels / count), COLUMNS);
}

/** Int16 elements of the packed left operand. */
export const packedRows = (rows: number, pairs: number): number => 2 * roundUp(rows, ROWS) * pairs;

/**
 * Packs weights [rows, terms], zero points already taken off: blocks of pairs, in them panels [pair][4 rows][2]. The
 * missing term of an odd count and rows past the end are 0.
 */
export function packRows(weight: Int16Array, rows: number, terms: number): Int16Array {
  const pairs = Math.ceil(terms / 2);
  const packed = new Int16Array(packedRows(rows, pairs));
  let at = 0;
  for (const [start, end] of pairBlocks(pairs)) {
    for (let panel = 0; panel < rows; panel += ROWS) {
      for (let pair = start; pair < end; pair++) {
        for (let r = panel; r < panel + ROWS; r++) {
          for (let k = 2 * pair; k < 2 * pair + 2; k++) packed[at++] = r < rows && k < terms ? weight[r * terms + k] : 0;
        }
      }
    }
  }
  return packed;
}

/** A product: byte addresses of the packed rows, of the table of two byte offsets per pair, of scratch and of the sums. */
export interface Product {
  readonly rows: number;
  /** The blocks of its pairs, from `pairBlocks`. */
  readonly blocks: readonly (readonly [number, number])[];
  readonly packed: number;
  readonly pairTable: number;
  readonly scratch: number;
  readonly sums: number;
}

/** Bytes of scratch a product of this many pairs needs, and of the sums of this many rows. */
export const scratchBytes = (pairs: number): number => 4 * Math.min(pairs, MOST_PAIRS) * BLOCK_COLUMNS;
export const sumBytes = (rows: number): number => 4 * roundUp(rows, ROWS) * BLOCK_COLUMNS;

/** The calls of one product of codes of one signedness; `columns` <= 128 pixels from an address in the pixel table on. */
export type Multiply = (p: Product, codes: number, pixelTable: number, columns: number, zeroPoint: number) => Step[];

/**
 * Sums of a block of pixels: sums[r][n] = sum over terms of weight * (code - zeroPoint), rows 512 bytes apart, exact in
 * int32. The pixel table holds the byte offset of each pixel's first code from `codes`, continued to a multiple of 8.
 * Scratch and sums of a thread lie `threadStep` bytes from those of the one before.
 */
export function multiplyOf(arena: Arena, signed: boolean, threadStep: number): Multiply {
  const { pack, macro } = instantiate(`integer gemm ${signed}`, () => [emitMacro(), emitPack(signed)], arena);
  const [packing, multiplying] = [
    [0, 0, 0, 0, 0, 0, threadStep],
    [0, 0, 0, 0, threadStep, threadStep, 0],
  ];
  return (p, codes, pixelTable, columns, zeroPoint) => {
    const rows = roundUp(p.rows, ROWS);
    return p.blocks.flatMap(([start, end]): Step[] => {
      const pairs = end - start;
      const [offsets, panel, fresh] = [p.pairTable + 8 * start, p.packed + 4 * start * rows, start === 0 ? 1 : 0];
      return [
        { entry: pack, args: [codes, pixelTable, offsets, columns, pairs, zeroPoint, p.scratch], perThread: packing },
        { entry: macro, args: [rows, columns, pairs, panel, p.scratch, p.sums, fresh], perThread: multiplying },
      ];
    });
  };
}

const PITCH = 4 * BLOCK_COLUMNS;

/** macro(rows, columns, pairs, a, b, c, fresh): all 4x8 tiles of one packed block; unless `fresh`, what C holds is added. */
function emitMacro(): FunctionBuilder {
  const f = new FunctionBuilder(
    "macro",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [rows, columns, pairs, a, b, c, fresh] = f.pointers;
  const [n, m, left, right, end, target] = f.locals("i32", 6);
  const aStep = f.let(op("i32.mul", pairs, i32(4 * ROWS)));
  const bStep = f.let(op("i32.mul", pairs, i32(4 * COLUMNS)));
  const sums = Array.from({ length: ROWS }, () => f.locals("v128", COLUMNS / 4));
  f.for(n, columns, COLUMNS, () => {
    f.set(left, a);
    f.set(target, op("i32.add", c, op("i32.mul", n, i32(4))));
    f.for(m, rows, ROWS, () => {
      f.set(right, b);
      f.set(end, op("i32.add", left, aStep));
      sumTile(f, sums, left, right, end);
      f.if(op("i32.eqz", fresh), () =>
        sums.forEach((r, i) => r.forEach((s, j) => f.set(s, op("i32x4.add", load("v128.load", target, PITCH * i + 16 * j), s)))),
      );
      sums.forEach((r, i) => r.forEach((s, j) => f.store("v128.store", target, s, PITCH * i + 16 * j)));
      f.bump(target, PITCH * ROWS);
    });
    f.bump(b, bStep);
  });
  return f;
}

/** Sums of the products from `a` to `end`; both panels are left behind their last pair. */
function sumTile(f: FunctionBuilder, sums: readonly Local<"v128">[][], a: Local<"i32">, b: Local<"i32">, end: Local<"i32">): void {
  const columns = f.locals("v128", COLUMNS / 4);
  const value = f.local("v128");
  const more = op("i32.lt_u", a, end);
  const step = () => {
    columns.forEach((v, j) => f.set(v, load("v128.load", b, 16 * j)));
    sums.forEach((r, i) => {
      f.set(value, load("v128.load32_splat", a, 4 * i));
      r.forEach((s, j) => f.set(s, op("i32x4.add", op("i32x4.dot_i16x8_s", value, columns[j]), s)));
    });
    f.bump(b, 4 * COLUMNS);
    f.bump(a, 4 * ROWS);
  };
  for (const r of sums) for (const s of r) f.set(s, i32x4(0));
  // A branch after every pair keeps each a basic block of its own: all loads of a block are lifted to its top, and
  // those of four pairs together spill the sums.
  f.block((done) => {
    f.breakIf(done, op("i32.eqz", more));
    f.doWhile(() => {
      for (let k = 0; k < 3; k++) {
        step();
        f.breakIf(done, op("i32.eqz", more));
      }
      step();
    }, more);
  });
}

/** pack(codes, pixelTable, pairTable, columns, pairs, zeroPoint, target): panels [pair][8 pixels][2], zero point taken off. */
export function emitPack(signed: boolean): FunctionBuilder {
  const f = new FunctionBuilder(
    "pack",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [codes, pixelTable, pairTable, columns, pairs, zeroPoint, target] = f.pointers;
  const [n, k, table, first, second] = f.locals("i32", 5);
  const pixels = f.locals("i32", COLUMNS);
  const [x, y] = f.locals("v128", 2);
  const zero = f.let(op("i16x8.splat", zeroPoint));
  const wide = signed ? "v128.load8x8_s" : "v128.load8x8_u";
  const narrow = signed ? "i32.load8_s" : "i32.load8_u";
  const eachPair = (body: () => void) => {
    f.set(table, pairTable);
    f.for(k, pairs, 1, () => {
      f.set(first, load("i32.load", table));
      f.set(second, load("i32.load", table, 4));
      body();
      f.bump(table, 8);
      f.bump(target, 4 * COLUMNS);
    });
  };
  const centred = (pixel: Local<"i32">, offset: Local<"i32">) => op("i32.sub", load(narrow, op("i32.add", pixel, offset)), zeroPoint);
  f.for(n, columns, COLUMNS, () => {
    pixels.forEach((p, j) => f.set(p, op("i32.add", codes, load("i32.load", pixelTable, 4 * j))));
    f.bump(pixelTable, 4 * COLUMNS);
    const neighbours = pixels.slice(1).map((p, j) => op("i32.eq", op("i32.sub", p, pixels[0]), i32(j + 1)));
    f.if(
      neighbours.reduce((all, next) => op("i32.and", all, next)),
      () =>
        eachPair(() => {
          f.set(x, op("i16x8.sub", load(wide, op("i32.add", pixels[0], first)), zero));
          f.set(y, op("i16x8.sub", load(wide, op("i32.add", pixels[0], second)), zero));
          f.store("v128.store", target, interleave16(x, y, false));
          f.store("v128.store", target, interleave16(x, y, true), 16);
        }),
      () =>
        eachPair(() =>
          pixels.forEach((p, j) => {
            f.store("i32.store16", target, centred(p, first), 4 * j);
            f.store("i32.store16", target, centred(p, second), 4 * j + 2);
          }),
        ),
    );
  });
  return f;
}
