import { type Arena, type Entry, instantiate, type Step, type Task } from "../../wasm/index.ts";
import { COLUMNS, emitPackColumns, emitPackRows, ROWS } from "./gemmPack.ts";
import { CHUNK_TERMS, emitMacro, emitMultiply, emitPackLeft, hasRelaxedMadd } from "./gemmTile.ts";
import type { Run } from "./index.ts";
import { type Argument, type PerThread, perThread, type Room, stepOf } from "./placement.ts";
import { kernelPolicy } from "./policy.ts";

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

/** Each step as a task of its own. */
export const eachAlone = (steps: readonly Step[]): Task[] => steps.map((step) => [step]);

/** A run of several runs, one after the other. */
export const inTurn = (...runs: readonly Run[]): Run => {
  return () => {
    for (let i = 0; i < runs.length; i++) runs[i]();
  };
};

/** Bytes of a packed left operand. */
export const packedBytes = (p: Product): number => 4 * roundUp(p.rows, ROWS) * p.terms;

/** Packs the left operand at `a` into `target`, for any number of products. */
export const packStep = (arena: Arena, p: Product, a: number, target: number): Step =>
  stepOf(kernel(arena).packLeft!, [a, p.aRows, p.aTerms, p.rows, p.terms, target, 4 * roundUp(p.rows, ROWS)]);

/**
 * Packs left operands, all of each, at `sources` addresses: their places, and the steps that every run begins with. What is
 * constant is packed here and now, so there are none.
 */
export function packsOf(room: Room, p: Product, sources: readonly number[], constant: boolean): { packs: number[]; steps: Step[] } {
  const packs = sources.map(() => (constant ? room.table(packedBytes(p)) : room.scratch(packedBytes(p))));
  const steps = sources.map((source, i) => packStep(room.arena, p, source, packs[i]!));
  if (!constant) return { packs, steps };
  for (const { entry, args } of steps) entry(...args);
  return { packs, steps: [] };
}

/** Packed columns stay in the cache from packing to use. */
const PACKED_FLOATS = 32768;

/** Scratch of a thread for products of up to `rows` x `columns` elements. */
export interface Workspace {
  readonly packed: PerThread;
  readonly totals: Argument;
  /** Columns packed at a time. */
  readonly width: number;
  /** Whether totals of all elements are kept from one step to the next. */
  readonly keeps: boolean;
}

/** Scratch for a product, `keeps` where its sums go on over several steps. */
export function workspaceOf(room: Room, { rows, columns, terms }: Pick<Product, "rows" | "columns" | "terms">, keeps = false): Workspace {
  const deep = Math.max(1, Math.min(terms, CHUNK_TERMS));
  const all = roundUp(columns, COLUMNS);
  const width = Math.min(all, COLUMNS * Math.max(4, Math.floor(PACKED_FLOATS / deep / COLUMNS)));
  const kept = keeps || terms > CHUNK_TERMS;
  return {
    packed: perThread(room, 4 * deep * width),
    totals: perThread(room, 4 * roundUp(rows, ROWS) * (kept ? all : COLUMNS)),
    width,
    keeps: kept,
  };
}

/** What one step multiplies: rows and columns of a product, in multiples of 4 and 8 unless they are its last. */
export interface Part {
  /** First row and number of rows. */
  readonly row?: number;
  readonly rows?: number;
  /** First column and number of columns. */
  readonly column?: number;
  readonly columns?: number;
  /** The packed left operand and the source of the right one. */
  readonly a: number;
  readonly b: Argument;
  /** Where element (`row`, `column`) goes, and floats from row to row. */
  readonly c: Argument;
  readonly pitch: number;
  /** Address of one float per row of the product (a multiple of 4 of them) to be added, 0 for none. */
  readonly start?: number;
  /** Whether sums begin anew and whether they are written: both, unless sums go on over several steps. */
  readonly begin?: boolean;
  readonly finish?: boolean;
}

/** Computes part of C = A B + start. Nothing but the elements asked for is written. */
export function multiplyStep(arena: Arena, p: Product, space: Workspace, part: Part): Step {
  const { row = 0, column = 0, rows = p.rows - row, columns = p.columns - column, start = 0, begin = true, finish = true } = part;
  const panel = 4 * roundUp(p.rows, ROWS);
  const perColumn = space.keeps ? 4 * roundUp(rows, ROWS) : 0;
  const from = start === 0 ? 0 : start + 4 * row;
  return stepOf(kernel(arena).multiply!, [
    part.a,
    panel,
    row,
    rows,
    part.b,
    p.bColumns + 4 * column,
    p.bTerms,
    columns,
    p.terms,
    space.width,
    space.packed,
    space.totals,
    perColumn,
    part.c,
    4 * part.pitch,
    from,
    begin ? 1 : 0,
    finish ? 1 : 0,
  ]);
}

const emit = (fused: boolean) => () => [emitPackColumns(), emitMacro(fused), emitMultiply(), emitPackRows(), emitPackLeft(3)];
const emitSeparate = emit(false);
const emitFused = emit(true);

function kernel(arena: Arena): Readonly<Record<string, Entry>> {
  const fused = kernelPolicy() === "relaxed" && hasRelaxedMadd();
  return fused ? instantiate("gemm relaxed", emitFused, arena) : instantiate("gemm", emitSeparate, arena);
}

/** Columns of a piece at most, so that its running totals stay in the cache. */
export const PIECE_COLUMNS = 1024;
/** Rows of a piece at least where rows are cut: each piece packs its columns anew. */
const PIECE_ROWS = 64;

/** Pieces that each of `independent` like products is to be cut into, so that all threads have their share. */
export const piecesFor = ({ threads }: Arena, independent: number): number => (threads === 1 ? 1 : Math.ceil((4 * threads) / independent));

/** Cuts a product into at least `pieces` parts where it is large enough. */
export function partsOf(
  { rows, columns }: Pick<Product, "rows" | "columns">,
  pieces: number,
): Required<Pick<Part, "row" | "rows" | "column" | "columns">>[] {
  const wide = Math.min(PIECE_COLUMNS, roundUp(Math.ceil(columns / pieces), COLUMNS));
  const high = rowsOfPart(rows, Math.ceil(pieces / Math.ceil(columns / wide)));
  return cuts(columns, wide).flatMap(([column, columns]) => cuts(rows, high).map(([row, rows]) => ({ row, rows, column, columns })));
}

/** Rows of a part where rows are cut into up to `parts`. */
export const rowsOfPart = (rows: number, parts: number): number => Math.max(PIECE_ROWS, roundUp(Math.ceil(rows / parts), ROWS));

/** [start, size] of pieces of a range. */
export function cuts(length: number, size: number): [number, number][] {
  const found: [number, number][] = [];
  for (let from = 0; from < length; from += size) found.push([from, Math.min(size, length - from)]);
  return found;
}
