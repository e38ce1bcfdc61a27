import { type Expr, FunctionBuilder, i32, i32x4, type Local, load, op, shuffle } from "../../wasm/index.ts";

/** Register tile of a product: 4 rows of 8 columns; with two loads, one splat and one product it fits 15 vector registers. */
export const ROWS = 4;
export const COLUMNS = 8;

type Address = Expr<"i32">;
type Vector = Expr<"v128">;

/** Lanes that hold an offset `reach` bytes from `first`, lane by lane, of four offsets of a table. */
const lanesAt = (offsets: Vector, first: Address, reach: number): Vector =>
  op("i32x4.eq", op("i32x4.sub", offsets, op("i32x4.splat", first)), i32x4(reach, reach + 4, reach + 8, reach + 12));

const allOf = (lanes: Vector): Address => op("i32x4.all_true", lanes);

/** Stores four vectors of four terms as four terms of four lines: lane k of line i goes to `target + k * step + 4 i`. */
function storeTransposed(f: FunctionBuilder, lines: readonly Local<"v128">[], target: Address, step: number, offset: number): void {
  const [a, b, c, d] = lines;
  const [ab, cd] = f.locals("v128", 2) as [Local<"v128">, Local<"v128">];
  ([0, 2] as const).forEach((half) => {
    const pick = [half, 4 + half, 1 + half, 5 + half] as const;
    f.set(ab, shuffle(a, b, pick));
    f.set(cd, shuffle(c, d, pick));
    f.store("v128.store", target, shuffle(ab, cd, [0, 1, 4, 5]), half * step + offset);
    f.store("v128.store", target, shuffle(ab, cd, [2, 3, 6, 7]), (half + 1) * step + offset);
  });
}

/** Emits a loop that gathers lines of scattered floats as [term][line], four terms at once where those are neighbours. */
function gatherTerms(f: FunctionBuilder, bases: readonly Local<"i32">[], table: Local<"i32">, end: Address, target: Local<"i32">): void {
  const offset = f.local("i32");
  const vectors = f.locals("v128", bases.length);
  const step = 4 * bases.length;
  f.while(op("i32.lt_u", table, end), () => {
    f.set(offset, load("i32.load", table));
    const four = op("i32.lt_u", op("i32.add", table, i32(12)), end);
    f.if(
      op("i32.and", four, allOf(lanesAt(load("v128.load", table), offset, 0))),
      () => {
        vectors.forEach((v, i) => f.set(v, load("v128.load", op("i32.add", bases[i]!, offset))));
        for (let i = 0; i < vectors.length; i += 4) storeTransposed(f, vectors.slice(i, i + 4), target, step, 4 * i);
        f.bump(table, 16);
        f.bump(target, 4 * step);
      },
      () => {
        bases.forEach((base, i) => f.store("f32.store", target, load("f32.load", op("i32.add", base, offset)), 4 * i));
        f.bump(table, 4);
        f.bump(target, step);
      },
    );
  });
}

/** packRows(source, rowTable, termTable, rows, terms, target): panels [term][4]. */
export function emitPackRows(): FunctionBuilder {
  const f = new FunctionBuilder("packRows", Array(6).fill("i32"));
  const [source, rowTable, termTable, rows, terms, target] = f.pointers;
  const [m, table] = f.locals("i32", 2);
  const bases = f.locals("i32", ROWS);
  const end = f.let(op("i32.add", termTable, op("i32.mul", terms, i32(4))));
  f.for(m, rows, ROWS, () => {
    bases.forEach((base, i) => f.set(base, op("i32.add", source, load("i32.load", rowTable, 4 * i))));
    f.bump(rowTable, 4 * ROWS);
    f.set(table, termTable);
    gatherTerms(f, bases, table, end, target);
  });
  return f;
}

/** Loops over the terms of a table that copy neighbouring columns to panels [term][8]. */
function columnCopies(f: FunctionBuilder, table: Local<"i32">, end: Address, target: Local<"i32">) {
  const [at, other] = f.locals("i32", 2);
  return {
    /** One panel, its halves read at a term's offset. */
    once: (read: (offset: Address, half: number) => Vector): void =>
      f.while(op("i32.lt_u", table, end), () => {
        f.store("v128.store", target, read(load("i32.load", table), 0));
        f.store("v128.store", target, read(load("i32.load", table), 16), 16);
        f.bump(table, 4);
        f.bump(target, 4 * COLUMNS);
      }),
    /** Two panels, `panel` bytes apart, of 16 columns from `from` on. */
    twice: (from: Address, panel: Address): void =>
      f.while(op("i32.lt_u", table, end), () => {
        f.set(at, op("i32.add", from, load("i32.load", table)));
        f.set(other, op("i32.add", target, panel));
        for (const half of [0, 16]) f.store("v128.store", target, load("v128.load", at, half), half);
        for (const half of [0, 16]) f.store("v128.store", other, load("v128.load", at, 32 + half), half);
        f.bump(table, 4);
        f.bump(target, 4 * COLUMNS);
      }),
  };
}

/**
 * packColumns(source, columnTable, termTable, columns, terms, target): panels [term][8]. Columns that are neighbours, or two
 * runs of neighbours (the end of one image row and the start of the next), are copied as vectors.
 */
export function emitPackColumns(): FunctionBuilder {
  const f = new FunctionBuilder("packColumns", Array(6).fill("i32"));
  const [source, columnTable, termTable, columns, terms, target] = f.pointers;
  const [n, table, first, last, from, to] = f.locals("i32", 6);
  const [left, right] = f.locals("v128", 2);
  const end = f.let(op("i32.add", termTable, op("i32.mul", terms, i32(4))));
  const bases = f.locals("i32", COLUMNS);
  const panel = f.let(op("i32.mul", terms, i32(4 * COLUMNS)));
  const [offsets, next] = [0, 4 * COLUMNS].map((from) => [0, 16].map((at) => load("v128.load", columnTable, from + at)));
  const copy = columnCopies(f, table, end, target);
  const inTwoRuns = (): void => {
    f.set(from, op("i32.add", source, first));
    f.set(to, op("i32.add", source, op("i32.sub", last, i32(28))));
    copy.once((offset, at) => {
      const [head, tail] = [from, to].map((run) => load("v128.load", op("i32.add", run, offset), at));
      return op("v128.bitselect", head!, tail!, at === 0 ? left : right);
    });
  };
  const scattered = (): void => {
    bases.forEach((base, j) => f.set(base, op("i32.add", source, load("i32.load", columnTable, 4 * j))));
    gatherTerms(f, bases, table, end, target);
  };
  f.for(n, columns, COLUMNS, () => {
    f.set(first, load("i32.load", columnTable));
    f.set(last, load("i32.load", columnTable, 28));
    f.set(left, lanesAt(offsets![0]!, first, 0));
    f.set(right, lanesAt(offsets![1]!, first, 16));
    f.set(table, termTable);
    f.if(
      op("i32.and", allOf(left), allOf(right)),
      () => {
        f.set(from, op("i32.add", source, first));
        // Two panels at once where they are neighbours: whole cache lines of the source.
        const twice = [
          op("i32.lt_s", op("i32.add", n, i32(COLUMNS)), columns),
          ...next!.map((offsets, i) => allOf(lanesAt(offsets, first, 32 + 16 * i))),
        ];
        f.if(
          twice.reduce((all, one) => op("i32.and", all, one)),
          () => {
            copy.twice(from, panel);
            f.bump(n, COLUMNS);
            f.bump(columnTable, 4 * COLUMNS);
            f.bump(target, panel);
          },
          () => copy.once((offset, at) => load("v128.load", op("i32.add", from, offset), at)),
        );
      },
      () => {
        const [head, tail] = [left, right].map((near, i) => allOf(op("v128.or", near, lanesAt(offsets![i]!, last, 16 * i - 28))));
        f.if(op("i32.and", head!, tail!), inTwoRuns, scattered);
      },
    );
    f.bump(columnTable, 4 * COLUMNS);
  });
  return f;
}
