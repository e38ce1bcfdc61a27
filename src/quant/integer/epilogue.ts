import {
  type Arena,
  type Expr,
  FunctionBuilder,
  f32x4,
  i32,
  i32x4,
  instantiate,
  type Local,
  load,
  op,
  type Step,
} from "../../wasm/index.ts";
import { linear } from "./activation.ts";
import { emitLookup } from "./finishLookup.ts";
import { type Finish, type Form, formBytes, isGrid, MAGIC, recordBytes } from "./finishRecord.ts";
import { isSigned } from "./grid.ts";

/** Scratch for the last, partial vectors of a row. */
export const TAIL_BYTES = 64;

/** Where the values of one form go: byte address of the first, bytes from channel to channel. */
export interface Target {
  readonly address: number;
  readonly pitch: number;
}

/** A block of values: rows `pitch` bytes apart, one channel each. */
export interface Block {
  readonly address: number;
  readonly pitch: number;
  readonly rows: number;
  readonly columns: number;
  /** The first row's channel and the first column's pixel in the targets. */
  readonly channel: number;
  readonly pixel: number;
}

/** What a finish works with: records of all channels, scratch of TAIL_BYTES per form, where each form goes. */
export interface FinishPlaces {
  readonly records: number;
  readonly tail: number;
  readonly targets: readonly Target[];
  /** Bytes from the values and scratch of one thread to those of the next. */
  readonly threadStep: number;
}

/** The call that finishes one block. */
export type Finisher = (block: Block) => Step;

/**
 * One pass from sums to every form a reader wants: real value, activation, and per grid division by the scale, rounding
 * half to even, zero point and clipping, each in f32 exactly as `fakeQuant` does it.
 */
export const finishOf = (arena: Arena, finish: Finish, places: FinishPlaces): Finisher => finisher(arena, finish, places, true);

/** The same for floats that are known already: no bias, no activation. */
export const quantizeOf = (arena: Arena, forms: readonly Form[], places: FinishPlaces): Finisher =>
  finisher(arena, { activation: linear, forms }, places, false);

function finisher(arena: Arena, finish: Finish, { records, tail, targets, threadStep }: FinishPlaces, fromSums: boolean): Finisher {
  const kinds = finish.forms.map((form) => (!isGrid(form) ? "f" : isSigned(form) ? "s" : "u"));
  const { activation, lookup } = finish;
  const key = `integer finish ${fromSums} ${activation.key} ${kinds.join("")}${lookup ? ` ${lookup.marker}` : ""}`;
  const entry = instantiate(key, () => (lookup ? emitLookup(finish, lookup) : [emitFinish(finish, fromSums)]), arena).finish;
  const bytes = finish.forms.map(formBytes);
  const record = recordBytes(finish);
  const perThread = [threadStep, 0, 0, 0, 0, threadStep, ...targets.flatMap(() => [0, 0])];
  return ({ address, pitch, rows, columns, channel, pixel }) => {
    const where = targets.flatMap((t, i) => [t.address + channel * t.pitch + pixel * bytes[i], t.pitch]);
    return { entry, args: [address, pitch, rows, columns, records + channel * record, tail, ...where], perThread };
  };
}

type Writer = (values: readonly Expr<"v128">[]) => void;

/** One output form inside the kernel: its pointers, and what it writes of sixteen values. */
interface Output {
  readonly at: Local<"i32">;
  readonly base: Local<"i32">;
  readonly pitch: Local<"i32">;
  readonly bytes: number;
  begin(record: Local<"i32">): void;
  readonly convert: (x: Local<"v128">) => Expr<"v128">;
  readonly write: (to: Local<"i32">) => Writer;
}

function outputOf(f: FunctionBuilder, form: Form, index: number): Output {
  const [base, pitch] = f.pointers.slice(6 + 2 * index, 8 + 2 * index);
  const at = f.local("i32");
  const bytes = formBytes(form);
  if (!isGrid(form)) {
    const write = (to: Local<"i32">) => (values: readonly Expr<"v128">[]) => values.forEach((v, i) => f.store("v128.store", to, v, 16 * i));
    return { at, base, pitch, bytes, begin: () => undefined, convert: (x) => x, write };
  }
  const [scale, low, high, shift] = f.locals("v128", 4);
  const narrow = isSigned(form) ? "i8x16.narrow_i16x8_s" : "i8x16.narrow_i16x8_u";
  return {
    ...{ at, base, pitch, bytes },
    begin: (record) => [scale, low, high, shift].forEach((v, i) => f.set(v, load("v128.load32_splat", record, 4 * (3 + 4 * index + i)))),
    convert: (x) => {
      const inside = op("f32x4.pmin", op("f32x4.pmax", op("f32x4.div", x, scale), low), high);
      return op("i32x4.sub", op("f32x4.add", inside, f32x4(MAGIC)), shift);
    },
    write:
      (to) =>
      ([a, b, c, d]) =>
        f.store("v128.store", to, op(narrow, op("i16x8.narrow_i32x4_s", a, b), op("i16x8.narrow_i32x4_s", c, d))),
  };
}

/** finish(values, pitch, rows, columns, records, tail, then address and pitch of each form). */
function emitFinish(finish: Finish, fromSums: boolean): FunctionBuilder {
  const { activation, forms } = finish;
  const f = new FunctionBuilder(
    "finish",
    Array.from({ length: 6 + 2 * forms.length }, () => "i32" as const),
  );
  const [values, pitch, rows, columns, records, tail] = f.pointers;
  const [row, left, from] = f.locals("i32", 3);
  const [bias, multiplier, real, value] = f.locals("v128", 4);
  const outputs = forms.map((form, i) => outputOf(f, form, i));
  const results = forms.map(() => f.locals("v128", 4));
  const real4 = (at: number) =>
    op("f32x4.add", op("f32x4.mul", op("f32x4.convert_i32x4_s", op("i32x4.add", load("v128.load", from, at), bias)), multiplier), real);
  const sixteen = (to: (o: Output) => Local<"i32">) => {
    for (let i = 0; i < 4; i++) {
      f.set(value, fromSums ? real4(16 * i) : load("v128.load", from, 16 * i));
      f.set(value, activation.apply(f, value));
      outputs.forEach((o, k) => f.set(results[k][i], o.convert(value)));
    }
    outputs.forEach((o, k) => o.write(to(o))(results[k]));
  };
  for (const v of [bias, multiplier, real]) f.set(v, i32x4(0));
  f.for(row, rows, 1, () => {
    [bias, multiplier, real].forEach((v, i) => f.set(v, load("v128.load32_splat", records, 4 * i)));
    for (const o of outputs) {
      o.begin(records);
      f.set(o.at, o.base);
      f.bump(o.base, o.pitch);
    }
    f.set(from, values);
    f.set(left, columns);
    f.while(op("i32.gt_s", left, i32(15)), () => {
      sixteen((o) => o.at);
      for (const o of outputs) f.bump(o.at, 16 * o.bytes);
      f.bump(from, 64);
      f.set(left, op("i32.sub", left, i32(16)));
    });
    // What lies behind a row may be finished already: the last sixteen are done once more, a shorter row passes through scratch.
    const past = f.let(op("i32.sub", i32(16), left));
    const lastSixteen = () => {
      f.bump(from, op("i32.mul", past, i32(-4)));
      for (const o of outputs) f.bump(o.at, op("i32.mul", past, i32(-o.bytes)));
      sixteen((o) => o.at);
    };
    f.if(left, () => f.if(op("i32.gt_s", columns, i32(15)), lastSixteen, () => sixteenInto(f, outputs, tail, left, sixteen)));
    f.bump(values, pitch);
    f.bump(records, recordBytes(finish));
  });
  return f;
}

/** Sixteen values of which only `left` are wanted: each form is written to a slot of scratch, its wanted part copied. */
function sixteenInto(
  f: FunctionBuilder,
  outputs: readonly Output[],
  tail: Local<"i32">,
  left: Local<"i32">,
  sixteen: (to: (o: Output) => Local<"i32">) => void,
): void {
  const slots = outputs.map((_, k) => f.let(op("i32.add", tail, i32(TAIL_BYTES * k))));
  sixteen((o) => slots[outputs.indexOf(o)]);
  outputs.forEach((o, k) => f.copy(o.at, slots[k], op("i32.mul", left, i32(o.bytes))));
}
