import { type Arena, FunctionBuilder, i32, i32x4, instantiate, type Local, load, op } from "../../wasm/index.ts";
import { BLOCK_COLUMNS, COLUMNS, emitPack, type Multiply, pairBlocks } from "./gemm.ts";

/** Weights of a product that are 0 or a sign and a power of two, written as the shifts they are. */
export interface PackedShifts {
  /** For each block of pairs and in it each row: the number of groups, then the groups. */
  readonly stream: Int32Array;
  /** Byte offset of each block of pairs. */
  readonly starts: readonly number[];
}

/** Ints before the addresses of a group: the mask of its sign, its exponent, the shift that finds its term, bytes of addresses. */
const GROUP_HEAD = 4;
/** Bytes of one pair of terms of eight pixels. */
const PAIR_BYTES = 4 * COLUMNS;

/** The groups of one row within pairs [start, end): terms of one sign, one exponent and one place in their pair share a shift. */
function rowGroups(row: Int32Array, start: number, end: number): number[][] {
  const groups = new Map<string, number[]>();
  for (let term = 2 * start; term < Math.min(2 * end, row.length); term++) {
    const weight = row[term];
    if (weight === 0) continue;
    const exponent = 31 - Math.clz32(Math.abs(weight));
    const key = `${weight < 0} ${exponent} ${term % 2}`;
    const group = groups.get(key) ?? [weight < 0 ? -1 : 0, exponent, term % 2 === 0 ? 16 : 0, 0];
    group.push(PAIR_BYTES * (Math.floor(term / 2) - start));
    group[3] = 4 * (group.length - GROUP_HEAD);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Packs weights [rows, terms], each 0 or plus or minus a power of two. Zeros take no room and no time. */
export function packShifts(weight: Int32Array, rows: number, terms: number): PackedShifts {
  const stream: number[] = [];
  const starts = pairBlocks(Math.ceil(terms / 2)).map(([start, end]) => {
    const at = 4 * stream.length;
    for (let r = 0; r < rows; r++) {
      const groups = rowGroups(weight.subarray(r * terms, (r + 1) * terms), start, end);
      stream.push(groups.length);
      for (const group of groups) for (const entry of group) stream.push(entry);
    }
    return at;
  });
  return { stream: Int32Array.from(stream), starts };
}

/**
 * As `multiplyOf` of the packed product, without a product: the codes of a group are added up, shifted once and added to the
 * sum or taken from it, sum += +-((code - zeroPoint) << exponent). Exact modulo 2^32.
 */
export function shiftOf(arena: Arena, signed: boolean, threadStep: number, starts: readonly number[]): Multiply {
  const { pack, shifts } = instantiate(`integer shift ${signed}`, () => [emitShifts(), emitPack(signed)], arena);
  return (p, codes, pixelTable, columns, zeroPoint) =>
    p.blocks.flatMap(([start, end], block) => {
      const pairs = end - start;
      return [
        {
          entry: pack,
          args: [codes, pixelTable, p.pairTable + 8 * start, columns, pairs, zeroPoint, p.scratch],
          perThread: [0, 0, 0, 0, 0, 0, threadStep],
        },
        {
          entry: shifts,
          args: [p.rows, columns, pairs, p.packed + starts[block], p.scratch, p.sums, start === 0 ? 1 : 0],
          perThread: [0, 0, 0, 0, threadStep, threadStep, 0],
        },
      ];
    });
}

/** shifts(rows, columns, pairs, stream, panels, sums, fresh): all rows of one packed block; unless `fresh`, what lies in the sums is added. */
function emitShifts(): FunctionBuilder {
  const f = new FunctionBuilder(
    "shifts",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [rows, columns, pairs, stream, panel, sums, fresh] = f.pointers;
  const [n, row, at, target] = f.locals("i32", 4);
  const totals = f.locals("v128", COLUMNS / 4);
  const panelBytes = f.let(op("i32.mul", pairs, i32(PAIR_BYTES)));
  f.for(n, columns, COLUMNS, () => {
    f.set(at, stream);
    f.set(target, op("i32.add", sums, op("i32.mul", n, i32(4))));
    f.for(row, rows, 1, () => {
      for (const total of totals) f.set(total, i32x4(0));
      f.if(op("i32.eqz", fresh), () => totals.forEach((total, j) => f.set(total, load("v128.load", target, 16 * j))));
      sumGroups(f, at, panel, totals);
      totals.forEach((total, j) => f.store("v128.store", target, total, 16 * j));
      f.bump(target, 4 * BLOCK_COLUMNS);
    });
    f.bump(panel, panelBytes);
  });
  return f;
}

/** Adds all groups of one row to the totals; `at` is left behind them. */
function sumGroups(f: FunctionBuilder, at: Local<"i32">, panel: Local<"i32">, totals: readonly Local<"v128">[]): void {
  const [left, exponent, lift, end, from] = f.locals("i32", 5);
  const mask = f.local("v128");
  const sums = f.locals("v128", totals.length);
  f.set(left, load("i32.load", at));
  f.bump(at, 4);
  f.while(left, () => {
    f.set(mask, load("v128.load32_splat", at));
    f.set(exponent, load("i32.load", at, 4));
    f.set(lift, load("i32.load", at, 8));
    f.set(end, op("i32.add", at, load("i32.load", at, 12)));
    f.bump(end, 4 * GROUP_HEAD);
    f.bump(at, 4 * GROUP_HEAD);
    for (const sum of sums) f.set(sum, i32x4(0));
    f.while(op("i32.lt_u", at, end), () => {
      f.set(from, op("i32.add", panel, load("i32.load", at)));
      sums.forEach((sum, j) => {
        const term = op("i32x4.shr_s", op("i32x4.shl", load("v128.load", from, 16 * j), lift), i32(16));
        f.set(sum, op("i32x4.add", sum, term));
      });
      f.bump(at, 4);
    });
    totals.forEach((total, j) => {
      const shifted = op("v128.xor", op("i32x4.shl", sums[j], exponent), mask);
      f.set(total, op("i32x4.add", total, op("i32x4.sub", shifted, mask)));
    });
    f.set(left, op("i32.sub", left, i32(1)));
  });
}
