import { type Arena, type Entry, FunctionBuilder, f32x4, i32, instantiate, type Local, load, op } from "../../wasm/index.ts";
import type { Room } from "./placement.ts";

/** Register tile: 4 rows of 8 columns; with two loads and one splat it fits 15 vector registers. */
const ROWS = 4;
const COLUMNS = 8;
/**
 * Cache blocks: terms, rows and columns per packed block. The number of terms also fixes the order of
 * summation: terms in sequence within a block, block sums added in sequence, the start last. That is the
 * order of the common runtimes' float GEMM, so a quantized network lands on the same codes there.
 */
const BLOCK_TERMS = 128;
const BLOCK_ROWS = 192;
const BLOCK_COLUMNS = 512;

export const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/**
 * A product C = A B whose operands are addressed through tables of byte offsets: element (m, k) of A lies at
 * `a + aRows[m] + aTerms[k]`, element (k, n) of B at `b + bTerms[k] + bColumns[n]`. So transposes, strides,
 * dilations and implicit im2col are all the same product. Tables are padded by `writeTable` and `writeGrid`.
 */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
  readonly aRows: number;
  readonly aTerms: number;
  readonly bColumns: number;
  readonly bTerms: number;
}

/** Scratch addresses of one product. */
export interface Packs {
  readonly a: number;
  readonly b: number;
}

/** Writes a table of byte offsets into the arena, continued past its end so that whole tiles may be read. */
export function writeTable(room: Room, length: number, offset: (i: number) => number): number {
  const { address, table } = allocateTable(room, length);
  for (let i = 0; i < length; i++) table[i] = offset(i);
  return continued(address, table, length);
}

/** The table of a grid: entry `y * columns + x` is `y * rowStep + x * columnStep`, steps in bytes. */
export function writeGrid(room: Room, rows: number, rowStep: number, columns: number, columnStep: number): number {
  const { address, table } = allocateTable(room, rows * columns);
  for (let y = 0, i = 0; y < rows; y++) for (let x = 0, at = y * rowStep; x < columns; x++, at += columnStep) table[i++] = at;
  return continued(address, table, rows * columns);
}

function allocateTable(room: Room, length: number): { address: number; table: Int32Array } {
  const address = room.table(4 * roundUp(length, COLUMNS));
  return { address, table: room.arena.i32.subarray(address >> 2) };
}

function continued(address: number, table: Int32Array, length: number): number {
  for (let i = length; i < roundUp(length, COLUMNS); i++) table[i] = length > 0 ? table[i - 1] + 4 : 0;
  return address;
}

/** Room for one packed block of right operands. */
export const packBRoom = (room: Room, p: Product): number =>
  room.scratch(4 * Math.min(p.terms, BLOCK_TERMS) * roundUp(Math.min(p.columns, BLOCK_COLUMNS), COLUMNS));

/** Room for a packed left operand that every run packs anew. */
export const packARoom = (room: Room, p: Product): number => room.scratch(packABytes(p));

const packABytes = (p: Product): number => 4 * roundUp(p.rows, ROWS) * p.terms;

/**
 * Packs left operands, all of each, at `sources` addresses. What is constant is packed here and now; otherwise call
 * `pack` in every run, before `multiply`.
 */
export function packsOf(room: Room, p: Product, sources: readonly number[], constant: boolean): { packs: Packs[]; pack(): void } {
  const b = packBRoom(room, p);
  const packs = sources.map(() => ({ a: constant ? room.table(packABytes(p)) : packARoom(room, p), b }));
  const pack = (): void => {
    for (let i = 0; i < packs.length; i++) packA(room.arena, p, sources[i], packs[i]);
  };
  if (!constant) return { packs, pack };
  pack();
  return { packs, pack: () => {} };
}

/** Packs the whole of A; it may then serve several calls of `multiply`. */
export function packA(arena: Arena, p: Product, a: number, packs: Packs): void {
  const { packRows } = kernel(arena);
  const panelRows = roundUp(p.rows, ROWS);
  for (let k = 0; k < p.terms; k += BLOCK_TERMS) {
    packRows!(a, p.aRows, p.aTerms + 4 * k, p.rows, Math.min(BLOCK_TERMS, p.terms - k), packs.a + 4 * k * panelRows);
  }
}

/**
 * Computes C = A B + start with A already packed. C has `pitch` floats a row, a multiple of 8 not below
 * `columns`; rows up to the next multiple of 4 and columns up to the next multiple of 8 are overwritten with
 * unspecified values. `start` is the address of one float per row (a multiple of 4 of them), or undefined to
 * continue from what C holds.
 */
export function multiply(arena: Arena, p: Product, b: number, c: number, pitch: number, packs: Packs, start: number | undefined): void {
  const { packColumns, macro } = kernel(arena);
  const panelRows = roundUp(p.rows, ROWS);
  for (let n = 0; n < p.columns; n += BLOCK_COLUMNS) {
    const columns = Math.min(BLOCK_COLUMNS, p.columns - n);
    for (let k = 0; k < p.terms || k === 0; k += BLOCK_TERMS) {
      const terms = Math.min(BLOCK_TERMS, p.terms - k);
      packColumns!(b, p.bColumns + 4 * n, p.bTerms + 4 * k, columns, terms, packs.b);
      const fresh = k === 0 && start !== undefined ? 1 : 0;
      const last = k + BLOCK_TERMS >= p.terms;
      for (let m = 0; m < p.rows; m += BLOCK_ROWS) {
        const rows = Math.min(BLOCK_ROWS, p.rows - m);
        const panel = packs.a + 4 * (k * panelRows + m * terms);
        const added = last && start !== undefined ? start + 4 * m : 0;
        macro!(rows, columns, terms, panel, packs.b, c + 4 * (m * pitch + n), 4 * pitch, added, fresh);
      }
    }
  }
}

const kernel = (arena: Arena): Readonly<Record<string, Entry>> =>
  instantiate("gemm", () => [emitMacro(), emitPackRows(), emitPackColumns()], arena);

/**
 * macro(rows, columns, terms, a, b, c, pitch, start, fresh): all 4x8 tiles of one packed block. Unless `fresh`, C is added
 * to each sum, then one float a row from `start` unless that is 0.
 */
function emitMacro(): FunctionBuilder {
  const f = new FunctionBuilder(
    "macro",
    Array.from({ length: 9 }, () => "i32" as const),
  );
  const [rows, columns, terms, a, b, c, pitch, start, fresh] = f.pointers;
  const [n, m, left, right, target, from, end] = f.locals("i32", 7);
  const aStep = f.let(op("i32.mul", terms, i32(4 * ROWS)));
  const bStep = f.let(op("i32.mul", terms, i32(4 * COLUMNS)));
  const tile = tileOf(f);
  f.for(n, columns, COLUMNS, () => {
    f.set(left, a);
    f.set(from, start);
    f.set(target, op("i32.add", c, op("i32.mul", n, i32(4))));
    f.for(m, rows, ROWS, () => {
      f.set(right, b);
      f.set(end, op("i32.add", left, aStep));
      tile.sum(left, right, end);
      f.if(op("i32.eqz", fresh), () => tile.addC(target, pitch));
      f.if(start, () => {
        tile.addStart(from);
        f.bump(from, 4 * ROWS);
      });
      tile.store(target, pitch);
    });
    f.bump(b, bStep);
  });
  return f;
}

/** The steps of one register tile, emitted where they are called. */
function tileOf(f: FunctionBuilder) {
  const sums = Array.from({ length: ROWS }, () => f.locals("v128", COLUMNS / 4));
  const columns = f.locals("v128", COLUMNS / 4);
  const value = f.local("v128");
  const row = f.local("i32");
  const term = (a: Local<"i32">, b: Local<"i32">): void => {
    columns.forEach((v, j) => f.set(v, load("v128.load", b, 16 * j)));
    sums.forEach((r, i) => {
      f.set(value, load("v128.load32_splat", a, 4 * i));
      r.forEach((s, j) => f.set(s, op("f32x4.add", op("f32x4.mul", value, columns[j]), s)));
    });
    f.bump(b, 4 * COLUMNS);
    f.bump(a, 4 * ROWS);
  };
  return {
    /** Sums of products from `a` to `end`, both panels left behind their last term. */
    sum(a: Local<"i32">, b: Local<"i32">, end: Local<"i32">): void {
      for (const r of sums) for (const s of r) f.set(s, f32x4(0));
      const more = op("i32.lt_u", a, end);
      // Leaving through a branch after every term keeps each a basic block of its own: V8 11 lifts all loads of a
      // block to its top, and those of four terms together spill the accumulators.
      f.block((done) => {
        f.breakIf(done, op("i32.eqz", more));
        f.doWhile(() => {
          for (let k = 0; k < 3; k++) {
            term(a, b);
            f.breakIf(done, op("i32.eqz", more));
          }
          term(a, b);
        }, more);
      });
    },
    addC(c: Local<"i32">, pitch: Local<"i32">): void {
      f.set(row, c);
      for (const r of sums) {
        r.forEach((s, j) => f.set(s, op("f32x4.add", load("v128.load", row, 16 * j), s)));
        f.bump(row, pitch);
      }
    },
    addStart(start: Local<"i32">): void {
      sums.forEach((r, i) => {
        f.set(value, load("v128.load32_splat", start, 4 * i));
        for (const s of r) f.set(s, op("f32x4.add", s, value));
      });
    },
    /** Writes the tile and leaves `c` at the row behind it. */
    store(c: Local<"i32">, pitch: Local<"i32">): void {
      for (const r of sums) {
        r.forEach((s, j) => f.store("v128.store", c, s, 16 * j));
        f.bump(c, pitch);
      }
    },
  };
}

/** packRows(source, rowTable, termTable, rows, terms, target): panels [term][4]. */
function emitPackRows(): FunctionBuilder {
  const f = new FunctionBuilder(
    "packRows",
    Array.from({ length: 6 }, () => "i32" as const),
  );
  const [source, rowTable, termTable, rows, terms, target] = f.pointers;
  const [m, k, table, offset] = f.locals("i32", 4);
  const bases = f.locals("i32", ROWS);
  f.for(m!, rows!, ROWS, () => {
    bases.forEach((base, i) => f.set(base, op("i32.add", source!, load("i32.load", rowTable!, 4 * i))));
    f.bump(rowTable!, 4 * ROWS);
    f.set(table!, termTable!);
    f.for(k!, terms!, 1, () => {
      f.set(offset!, load("i32.load", table!));
      bases.forEach((base, i) => f.store("f32.store", target!, load("f32.load", op("i32.add", base, offset!)), 4 * i));
      f.bump(table!, 4);
      f.bump(target!, 4 * ROWS);
    });
  });
  return f;
}

/** packColumns(source, columnTable, termTable, columns, terms, target): panels [term][8], whole vectors where columns are neighbours. */
function emitPackColumns(): FunctionBuilder {
  const f = new FunctionBuilder(
    "packColumns",
    Array.from({ length: 6 }, () => "i32" as const),
  );
  const [source, columnTable, termTable, columns, terms, target] = f.pointers;
  const [n, k, table, offset] = f.locals("i32", 4);
  const bases = f.locals("i32", COLUMNS);
  const eachTerm = (body: () => void) => {
    f.set(table!, termTable!);
    f.for(k!, terms!, 1, () => {
      f.set(offset!, load("i32.load", table!));
      body();
      f.bump(table!, 4);
      f.bump(target!, 4 * COLUMNS);
    });
  };
  f.for(n!, columns!, COLUMNS, () => {
    bases.forEach((base, j) => f.set(base, op("i32.add", source!, load("i32.load", columnTable!, 4 * j))));
    f.bump(columnTable!, 4 * COLUMNS);
    const neighbours = bases.slice(1).map((base, j) => op("i32.eq", op("i32.sub", base, bases[0]!), i32(4 * (j + 1))));
    f.if(
      neighbours.reduce((all, next) => op("i32.and", all, next)),
      () =>
        eachTerm(() => {
          const from = op("i32.add", bases[0]!, offset!);
          f.store("v128.store", target!, load("v128.load", from));
          f.store("v128.store", target!, load("v128.load", from, 16), 16);
        }),
      () =>
        eachTerm(() => bases.forEach((base, j) => f.store("f32.store", target!, load("f32.load", op("i32.add", base, offset!)), 4 * j))),
    );
  });
  return f;
}

/** A vector of zeros, for sums that start from nothing. */
export function zeroStart(room: Room, rows: number): number {
  const address = room.table(4 * roundUp(rows, ROWS));
  room.arena.f32.fill(0, address >> 2, (address >> 2) + roundUp(rows, ROWS));
  return address;
}

/** Whether a product with this many rows and columns may be written where it belongs, without a tile in between. */
export const isWhole = (rows: number, columns: number): boolean => rows % ROWS === 0 && columns % COLUMNS === 0;
