import { FunctionBuilder, f32x4, i32, type Local, lane32, load, op } from "../../wasm/index.ts";
import { type Finish, MAGIC, recordBytes } from "./finishRecord.ts";
import { type Grid, isSigned } from "./grid.ts";
import { CELLS, type Lookup } from "./lookup.ts";

/** Position of `four` in the module. */
const FOUR = 1;

/** The functions of the finish that looks codes up: they leave the same bytes as the plain one. */
export const emitLookup = (finish: Finish, lookup: Lookup): FunctionBuilder[] => [emitRows(finish, lookup), emitFour(finish)];

/** four(values, record, to): computes four codes. A function of its own, so that its constants take no registers elsewhere. */
function emitFour({ activation, forms }: Finish): FunctionBuilder {
  const f = new FunctionBuilder("four", ["i32", "i32", "i32"]);
  const [values, record, to] = f.pointers;
  const value = f.local("v128");
  const narrow = isSigned(forms[0] as Grid) ? "i8x16.narrow_i16x8_s" : "i8x16.narrow_i16x8_u";
  const entry = (k: number) => load("v128.load32_splat", record, 4 * k);
  const real = op("f32x4.convert_i32x4_s", op("i32x4.add", load("v128.load", values), entry(0)));
  f.set(value, op("f32x4.add", op("f32x4.mul", real, entry(1)), entry(2)));
  f.set(value, activation.apply(f, value));
  f.set(value, op("f32x4.pmin", op("f32x4.pmax", op("f32x4.div", value, entry(3)), entry(4)), entry(5)));
  f.set(value, op("i32x4.sub", op("f32x4.add", value, f32x4(MAGIC)), entry(6)));
  f.set(value, op("i16x8.narrow_i32x4_s", value, value));
  f.store("i32.store", to, lane32(op(narrow, value, value), 0));
  return f;
}

/**
 * finish(values, pitch, rows, columns, records, tail, address and pitch of the codes). All values are looked up, four at a time;
 * then fours are computed of which one has no certain code in the table: what was just written is slow to read back.
 */
function emitRows(finish: Finish, { marker }: Lookup): FunctionBuilder {
  const f = new FunctionBuilder(
    "finish",
    Array.from({ length: 8 }, () => "i32" as const),
  );
  const [values, pitch, rows, columns, records, tail, base, basePitch] = f.pointers;
  const [row, from, at, record] = f.locals("i32", 4);
  const last = f.let(op("i32.sub", columns, i32(4)));
  const eachRow = (body: () => void): void => {
    f.set(from, values);
    f.set(at, base);
    f.set(record, records);
    f.for(row, rows, 1, () => {
      body();
      f.bump(from, pitch);
      f.bump(at, basePitch);
      f.bump(record, recordBytes(finish));
    });
  };
  f.if(
    op("i32.lt_s", last, i32(0)),
    () =>
      eachRow(() => {
        f.call(FOUR, from, record, tail);
        f.copy(at, tail, columns);
      }),
    () => {
      eachRow(() => lookUpRow(f, { from, at, record, last }));
      eachRow(() => computeMarked(f, { from, at, record, last }, marker));
    },
  );
  return f;
}

/** A row of at least four values: where values, codes and record lie, and where the last four begin. */
interface Row {
  readonly from: Local<"i32">;
  readonly at: Local<"i32">;
  readonly record: Local<"i32">;
  readonly last: Local<"i32">;
}

/** Address of the four-byte value `index` behind `start`. */
const wordAt = (start: Local<"i32">, index: Local<"i32">) => op("i32.add", start, op("i32.shl", index, i32(2)));

function lookUpRow(f: FunctionBuilder, { from, at, record, last }: Row): void {
  const [bias, perSum, start, table] = [0, 7, 8, 9].map((k) => f.let(load("v128.load32_splat", record, 4 * k)));
  const [i, value, to] = f.locals("i32", 3);
  const cells = f.local("v128");
  const code = (k: 0 | 1 | 2 | 3) => load("i32.load8_u", lane32(cells, k));
  const shifted = (k: 1 | 2 | 3) => op("i32.shl", code(k), i32(8 * k));
  const lookUp = (): void => {
    const sum = op("f32x4.convert_i32x4_s", op("i32x4.add", load("v128.load", value), bias));
    const place = op("f32x4.add", op("f32x4.mul", sum, perSum), start);
    const cell = op("f32x4.pmin", op("f32x4.pmax", place, f32x4(0)), f32x4(CELLS - 1));
    f.set(cells, op("i32x4.add", op("f32x4.add", cell, f32x4(MAGIC)), table));
    f.store("i32.store", to, op("i32.or", op("i32.or", code(0), shifted(1)), op("i32.or", shifted(2), shifted(3))));
  };
  f.set(value, from);
  f.set(to, at);
  f.for(i, last, 4, () => {
    lookUp();
    f.bump(value, 16);
    f.bump(to, 4);
  });
  f.set(value, wordAt(from, last));
  f.set(to, op("i32.add", at, last));
  lookUp();
}

/** Computes each four of a row that holds a marker. */
function computeMarked(f: FunctionBuilder, { from, at, record, last }: Row, marker: number): void {
  const [i, k, found] = f.locals("i32", 3);
  const markers = f.let(op("i8x16.splat", i32(marker)));
  f.for(i, op("i32.add", last, i32(4)), 16, () => {
    f.set(found, op("i8x16.bitmask", op("i8x16.eq", load("v128.load", op("i32.add", at, i)), markers)));
    f.while(found, () => {
      f.set(k, op("i32.and", op("i32.ctz", found), i32(12)));
      f.set(found, op("i32.and", found, op("i32.shl", i32(-16), k)));
      f.bump(k, i);
      f.if(op("i32.gt_s", k, last), () => f.set(k, last));
      f.call(FOUR, wordAt(from, k), record, op("i32.add", at, k));
    });
  });
}
