import { assemble, type Expr, FunctionBuilder, f32x4, i32, type Local, load, op } from "../../wasm/index.ts";
import { COLUMNS, ROWS } from "./gemmPack.ts";

/**
 * Terms of one sum. This fixes the order of summation: terms in sequence within a block, block sums added in sequence, the
 * start last. That is the order of the common runtimes' float GEMM, so a quantized network lands on the same codes there.
 */
const BLOCK_TERMS = 128;
/** Terms and rows that are gone through together: 256 KiB of packed rows stay in the second-level cache for all columns. */
export const CHUNK_TERMS = 8 * BLOCK_TERMS;
const CHUNK_ROWS = 64;
/** Bytes of a tile of running totals. */
const TILE = 4 * ROWS * COLUMNS;

/** Positions in the module's list. */
const PACK_COLUMNS = 0;
const MACRO = 1;

type Int = Local<"i32">;
type Condition = Expr<"i32">;
type Vector = Local<"v128">;
/** Emits the products of one value with each column, added to the sums of a row. */
type Accumulate = (
  f: FunctionBuilder,
  value: Vector,
  columns: readonly Vector[],
  row: readonly Vector[],
  products: readonly Vector[],
) => void;

/** Two roundings a term, on every machine the same. Products come before sums: V8 keeps this order, and the pipes stay busy. */
const separate: Accumulate = (f, value, columns, row, products) => {
  products.forEach((product, k) => f.set(product, op("f32x4.mul", value, columns[k]!)));
  row.forEach((sum, k) => f.set(sum, op("f32x4.add", products[k]!, sum)));
};

/** One rounding or two, as the machine likes: never more than `separate`, so the same bound holds. */
const relaxed: Accumulate = (f, value, columns, row) =>
  row.forEach((sum, k) => f.set(sum, op("f32x4.relaxed_madd", value, columns[k]!, sum)));

let accepted: boolean | undefined;

/** Whether the runtime has f32x4.relaxed_madd. */
export function hasRelaxedMadd(): boolean {
  if (accepted === undefined) {
    const probe = new FunctionBuilder("probe", []);
    const one = [probe.let(f32x4(1))];
    relaxed(probe, one[0]!, one, one, one);
    accepted = WebAssembly.validate(assemble([probe]));
  }
  return accepted;
}

const least = (f: FunctionBuilder, local: Int, limit: number): void =>
  f.if(op("i32.gt_s", local, i32(limit)), () => f.set(local, i32(limit)));

/** The steps of one register tile, emitted where they are called. */
function tileOf(f: FunctionBuilder, accumulate: Accumulate) {
  const sums = Array.from({ length: ROWS }, () => f.locals("v128", COLUMNS / 4));
  const [columns, products] = [f.locals("v128", COLUMNS / 4), f.locals("v128", COLUMNS / 4)];
  const value = f.local("v128");
  const row = f.local("i32");
  const term = (a: Int, b: Int): void => {
    columns.forEach((v, at) => f.set(v, load("v128.load", b, 16 * at)));
    sums.forEach((r, at) => {
      f.set(value, load("v128.load32_splat", a, 4 * at));
      accumulate(f, value, columns, r, products);
    });
    f.bump(b, 4 * COLUMNS);
    f.bump(a, 4 * ROWS);
  };
  // V8 11, which lacks relaxed SIMD, keeps all sums in registers in the plain loop only. Later ones gain by four terms a turn,
  // each left through a branch, so that no loads are lifted over it.
  const turns = hasRelaxedMadd() ? 4 : 1;
  const each = (visit: (sum: Vector, offset: number) => void): void => sums.flat().forEach((sum, at) => visit(sum, 16 * at));
  return {
    /** Sums of products from `a` to `end`; both panels are left behind their last term. */
    sum(a: Int, b: Int, end: Int): void {
      each((sum) => f.set(sum, f32x4(0)));
      const more = op("i32.lt_u", a, end);
      f.block((done) => {
        f.breakIf(done, op("i32.eqz", more));
        f.doWhile(() => {
          for (let k = 1; k < turns; k++) {
            term(a, b);
            f.breakIf(done, op("i32.eqz", more));
          }
          term(a, b);
        }, more);
      });
    },
    /** Adds the sums to the running totals at `slot`. */
    addTotals: (slot: Int): void => each((sum, offset) => f.set(sum, op("f32x4.add", load("v128.load", slot, offset), sum))),
    keepTotals: (slot: Int): void => each((sum, offset) => f.store("v128.store", slot, sum, offset)),
    /** Adds one float a row. */
    addStart(start: Int): void {
      sums.forEach((r, at) => {
        f.set(value, load("v128.load32_splat", start, 4 * at));
        for (const sum of r) f.set(sum, op("f32x4.add", sum, value));
      });
    },
    /** Writes a whole tile to rows `pitch` bytes apart. */
    store(c: Int, pitch: Int): void {
      f.set(row, c);
      for (const r of sums) {
        r.forEach((sum, at) => f.store("v128.store", row, sum, 16 * at));
        f.bump(row, pitch);
      }
    },
  };
}

/** Copies `rows` x `width` floats of the tile at `slot` to rows `pitch` bytes apart: a tile across the edge. */
function storePart(f: FunctionBuilder, slot: Int, rows: Condition, width: Condition, c: Int, pitch: Int): void {
  const [row, from, i, j] = f.locals("i32", 4);
  f.set(row, c);
  f.set(from, slot);
  f.for(i, rows, 1, () => {
    f.for(j, width, 1, () => {
      const at = op("i32.mul", j, i32(4));
      f.store("f32.store", op("i32.add", row, at), load("f32.load", op("i32.add", from, at)));
    });
    f.bump(row, pitch);
    f.bump(from, 4 * COLUMNS);
  });
}

/**
 * macro(a, panel, rows, b, columns, terms, slot, perColumn, c, pitch, start, begin, finish): up to 64 rows of all columns of
 * one chunk of terms. `a` is the first row's panel of the first block, blocks follow `panel` bytes a term. Totals start anew
 * where `begin` is set, else at `slot` with `perColumn` bytes a column; `finish` adds `start` and writes C, else they stay there.
 */
export function emitMacro(fused: boolean): FunctionBuilder {
  const f = new FunctionBuilder("macro", Array(14).fill("i32"));
  const [a, panel, first, rows, b, columns, terms, slot, perColumn, c, pitch, start, begin, finish] = f.pointers;
  const [n, m, k, count, left, right, end, tile, fresh, done, to, from, above] = f.locals("i32", 13);
  const t = tileOf(f, fused ? relaxed : separate);
  const rowsLeft = op("i32.sub", rows, m);
  const whole = op("i32.and", op("i32.ge_s", rowsLeft, i32(ROWS)), op("i32.ge_s", op("i32.sub", columns, n), i32(COLUMNS)));
  const writeOut = (): void => {
    f.if(start, () => {
      t.addStart(from);
      f.bump(from, 4 * ROWS);
    });
    f.if(
      whole,
      () => t.store(to, pitch),
      () => {
        t.keepTotals(tile);
        const [height, width] = [f.let(rowsLeft), f.let(op("i32.sub", columns, n))];
        least(f, height, ROWS);
        least(f, width, COLUMNS);
        storePart(f, tile, height, width, to, pitch);
      },
    );
    f.bump(to, op("i32.mul", pitch, i32(ROWS)));
  };
  const block = (): void => {
    f.set(count, op("i32.sub", terms, k));
    least(f, count, BLOCK_TERMS);
    f.set(left, op("i32.add", op("i32.add", a, op("i32.mul", k, panel)), op("i32.mul", op("i32.mul", first, i32(4)), count)));
    f.set(fresh, op("i32.and", begin, op("i32.eqz", k)));
    f.set(above, op("i32.add", b, op("i32.mul", k, i32(4 * COLUMNS))));
    f.bump(k, BLOCK_TERMS);
    f.set(done, op("i32.and", finish, op("i32.ge_s", k, terms)));
    f.set(tile, op("i32.add", slot, op("i32.mul", n, perColumn)));
    f.set(to, op("i32.add", c, op("i32.mul", n, i32(4))));
    f.set(from, start);
    f.for(m, rows, ROWS, () => {
      f.set(right, above);
      f.set(end, op("i32.add", left, op("i32.mul", count, i32(4 * ROWS))));
      t.sum(left, right, end);
      f.if(op("i32.eqz", fresh), () => t.addTotals(tile));
      f.if(done, writeOut, () => t.keepTotals(tile));
      f.bump(tile, TILE);
    });
  };
  f.for(n, columns, COLUMNS, () => {
    f.set(k, i32(0));
    f.doWhile(block, op("i32.lt_s", k, terms));
    f.bump(b, op("i32.mul", terms, i32(4 * COLUMNS)));
  });
  return f;
}

/**
 * multiply(a, panel, first, rows, b, columnTable, termTable, columns, terms, width, packed, slot, perColumn, c, pitch, start,
 * begin, finish): rows from `first` on of all columns, `width` columns packed at a time.
 */
export function emitMultiply(): FunctionBuilder {
  const f = new FunctionBuilder("multiply", Array(18).fill("i32"));
  const [a, panel, first, rows, b, columnTable, termTable, columns, terms, width, packed, slot, perColumn, c, pitch, start, begin, finish] =
    f.pointers;
  const [n, k, m, wide, deep, high, from] = f.locals("i32", 7);
  const clipped = (local: Int, size: Int, at: Int, limit: Int | number): void => {
    const most = typeof limit === "number" ? i32(limit) : limit;
    f.set(local, op("i32.sub", size, at));
    f.if(op("i32.gt_s", local, most), () => f.set(local, most));
  };
  const chunk = (): void => {
    clipped(deep, terms, k, CHUNK_TERMS);
    const tables = [columnTable, op("i32.add", termTable, op("i32.mul", k, i32(4)))];
    f.call(PACK_COLUMNS, b, ...tables, wide, deep, packed);
    const fresh = op("i32.and", begin, op("i32.eqz", k));
    const done = op("i32.and", finish, op("i32.ge_s", op("i32.add", k, deep), terms));
    f.for(m, rows, CHUNK_ROWS, () => {
      clipped(high, rows, m, CHUNK_ROWS);
      f.set(from, start);
      f.if(start, () => f.bump(from, op("i32.mul", m, i32(4))));
      const left = op("i32.add", a, op("i32.mul", k, panel));
      const tiles = op("i32.add", slot, op("i32.mul", m, i32(4 * COLUMNS)));
      const target = op("i32.add", c, op("i32.mul", m, pitch));
      f.call(MACRO, left, panel, op("i32.add", first, m), high, packed, wide, deep, tiles, perColumn, target, pitch, from, fresh, done);
    });
    f.bump(k, CHUNK_TERMS);
  };
  f.set(n, i32(0));
  f.while(op("i32.lt_s", n, columns), () => {
    clipped(wide, columns, n, width);
    f.set(k, i32(0));
    f.doWhile(chunk, op("i32.lt_s", k, terms));
    f.bump(columnTable, op("i32.mul", width, i32(4)));
    f.bump(slot, op("i32.mul", width, perColumn));
    f.bump(c, op("i32.mul", width, i32(4)));
    f.bump(n, width);
  });
  return f;
}

/** packLeft(source, rowTable, termTable, rows, terms, target, panel): all blocks of rows, `panel` bytes a term apart. */
export function emitPackLeft(packRows: number): FunctionBuilder {
  const f = new FunctionBuilder("packLeft", Array(7).fill("i32"));
  const [source, rowTable, termTable, rows, terms, target, panel] = f.pointers;
  const count = f.local("i32");
  f.while(op("i32.gt_s", terms, i32(0)), () => {
    f.set(count, terms);
    least(f, count, BLOCK_TERMS);
    f.call(packRows, source, rowTable, termTable, rows, count, target);
    f.bump(termTable, 4 * BLOCK_TERMS);
    f.bump(target, op("i32.mul", panel, i32(BLOCK_TERMS)));
    f.bump(terms, -BLOCK_TERMS);
  });
  return f;
}
