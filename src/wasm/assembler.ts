import { float32, float64, int32, section, signed, text, unsigned, VALUE_TYPE_CODES, type ValueType, vector } from "./encode.ts";
import { CONSTANTS, EXTRACT_F32, EXTRACT_I32, LOADS, OPERATORS, opcode, SHUFFLE, STORES } from "./opcodes.ts";

/** Code that leaves one value of type T on the stack. */
export interface Expr<T extends ValueType = ValueType> {
  readonly type: T;
  /** The bytes of its instructions. */
  readonly bytes: readonly number[];
}

/** A parameter or local variable of a function under construction; itself an expression that reads it. */
export interface Local<T extends ValueType = ValueType> extends Expr<T> {
  /** Its number in the function. */
  readonly index: number;
}

type Operators = typeof OPERATORS;
type ExprsOf<T extends readonly ValueType[]> = { readonly [I in keyof T]: Expr<T[I]> };

/** One instruction applied to its operands, e.g. `op("f32x4.add", a, b)`. */
export function op<K extends keyof Operators>(name: K, ...operands: ExprsOf<Operators[K]["takes"]>): Expr<Operators[K]["gives"]> {
  const { code, gives } = OPERATORS[name];
  const inputs: readonly Expr[] = operands;
  return { type: gives, bytes: [...inputs.flatMap((e) => e.bytes), ...opcode(code)] };
}

/** Reads memory at `address + offset` bytes. */
export function load<K extends keyof typeof LOADS>(name: K, address: Expr<"i32">, offset = 0): Expr<(typeof LOADS)[K]["moves"]> {
  const { code, align, moves } = LOADS[name];
  return { type: moves, bytes: [...address.bytes, ...opcode(code), ...unsigned(align), ...unsigned(offset)] };
}

/** A constant i32. */
export const i32 = (value: number): Expr<"i32"> => ({ type: "i32", bytes: [CONSTANTS.i32, ...signed(value)] });
/** A constant f32. */
export const f32 = (value: number): Expr<"f32"> => ({ type: "f32", bytes: [CONSTANTS.f32, ...float32(value)] });

/** A constant vector with one f32 value in every lane. */
export const f32x4 = (value: number): Expr<"v128"> => vectorOf([0, 1, 2, 3].flatMap(() => float32(value)));

/** A constant vector with one f64 value in both lanes. */
export const f64x2 = (value: number): Expr<"v128"> => vectorOf([0, 1].flatMap(() => float64(value)));

/** A constant vector with one i32 value in every lane, or a value for each. */
export const i32x4 = (first: number, ...others: readonly [] | readonly [number, number, number]): Expr<"v128"> =>
  vectorOf((others.length === 0 ? [first, first, first, first] : [first, ...others]).flatMap(int32));

const vectorOf = (bytes: readonly number[]): Expr<"v128"> => ({ type: "v128", bytes: [...opcode(CONSTANTS.v128), ...bytes] });

/** Picks four of the eight 32-bit lanes of `a` (0-3) and `b` (4-7). */
export function shuffle(a: Expr<"v128">, b: Expr<"v128">, lanes: readonly [number, number, number, number]): Expr<"v128"> {
  const picks = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte));
  return { type: "v128", bytes: [...a.bytes, ...b.bytes, ...opcode(SHUFFLE), ...picks] };
}

/** Deals the eight 16-bit lanes of two vectors alternately: lanes 0-3 of `a` and `b`, or 4-7 where `high` is set. */
export function interleave16(a: Expr<"v128">, b: Expr<"v128">, high: boolean): Expr<"v128"> {
  const lanes = (high ? [4, 5, 6, 7] : [0, 1, 2, 3]).flatMap((lane) => [lane, 8 + lane]);
  const picks = lanes.flatMap((lane) => [2 * lane, 2 * lane + 1]);
  return { type: "v128", bytes: [...a.bytes, ...b.bytes, ...opcode(SHUFFLE), ...picks] };
}

/** One f32 lane of a vector. */
export const lane = (vector: Expr<"v128">, index: 0 | 1 | 2 | 3): Expr<"f32"> => ({
  type: "f32",
  bytes: [...vector.bytes, ...opcode(EXTRACT_F32), index],
});

/** One i32 lane of a vector. */
export const lane32 = (vector: Expr<"v128">, index: 0 | 1 | 2 | 3): Expr<"i32"> => ({
  type: "i32",
  bytes: [...vector.bytes, ...opcode(EXTRACT_I32), index],
});

/** A label that `breakIf` may leave through. */
export interface Label {
  /** How many blocks enclose it. */
  readonly depth: number;
}

const EMPTY_BLOCK = 0x40;
const END = 0x0b;

/** A function under construction. Statements append to its body in call order. */
export class FunctionBuilder {
  /** Under which the module exports it. */
  readonly name: string;
  /** The parameters as locals, in order. */
  readonly params: readonly Local[];
  readonly #locals: ValueType[] = [];
  readonly #body: number[] = [];
  #depth = 0;

  /** A function without instructions. */
  constructor(name: string, params: readonly ValueType[]) {
    this.name = name;
    this.params = params.map((type, index) => localOf(type, index));
  }

  /** The parameters as i32 expressions, by position; the caller takes only those declared i32. */
  get pointers(): Local<"i32">[] {
    return this.params as Local<"i32">[];
  }

  /** A new local variable, zero at the start. */
  local<T extends ValueType>(type: T): Local<T> {
    this.#locals.push(type);
    return localOf(type, this.params.length + this.#locals.length - 1);
  }

  /** `count` new local variables of one type. */
  locals<T extends ValueType>(type: T, count: number): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** A fresh local that holds the value of an expression from here on. */
  let<T extends ValueType>(value: Expr<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  /** Gives a local the value of an expression. */
  set<T extends ValueType>(local: Local<T>, value: Expr<T>): void {
    this.#body.push(...value.bytes, 0x21, ...unsigned(local.index));
  }

  /** Adds a byte count to a pointer. */
  bump(local: Local<"i32">, by: Expr<"i32"> | number): void {
    this.set(local, op("i32.add", local, typeof by === "number" ? i32(by) : by));
  }

  /** Writes memory at `address + offset` bytes. */
  store<K extends keyof typeof STORES>(name: K, address: Expr<"i32">, value: Expr<(typeof STORES)[K]["moves"]>, offset = 0): void {
    const { code, align } = STORES[name];
    this.#body.push(...address.bytes, ...value.bytes, ...opcode(code), ...unsigned(align), ...unsigned(offset));
  }

  /** Calls another function of the same module by its position in the list given to `assemble`. */
  call(position: number, ...args: readonly Expr[]): void {
    this.#body.push(...args.flatMap((a) => a.bytes), 0x10, ...unsigned(position));
  }

  /** Copies `bytes` from `source` to `target`; the ranges may overlap. */
  copy(target: Expr<"i32">, source: Expr<"i32">, bytes: Expr<"i32">): void {
    this.#body.push(...target.bytes, ...source.bytes, ...bytes.bytes, 0xfc, 0x0a, 0, 0);
  }

  /** Sets `bytes` bytes from `target` on to zero. */
  zero(target: Expr<"i32">, bytes: Expr<"i32">): void {
    this.#body.push(...target.bytes, ...i32(0).bytes, ...bytes.bytes, 0xfc, 0x0b, 0);
  }

  /** A region that `breakIf` leaves at its end. */
  block(body: (label: Label) => void): void {
    this.#nested(0x02, body);
  }

  /** Leaves a region, or repeats a loop, where the condition is not 0. */
  breakIf(label: Label, condition: Expr<"i32">): void {
    this.#body.push(...condition.bytes, 0x0d, ...unsigned(this.#depth - label.depth));
  }

  /** Runs `then` where the condition is not 0, `otherwise` where it is. */
  if(condition: Expr<"i32">, then: () => void, otherwise?: () => void): void {
    this.#body.push(...condition.bytes);
    this.#nested(0x04, () => {
      then();
      if (otherwise === undefined) return;
      this.#body.push(0x05);
      otherwise();
    });
  }

  /** Runs `body` once, then again while `condition` holds. */
  doWhile(body: () => void, condition: Expr<"i32">): void {
    this.#nested(0x03, (label) => {
      body();
      this.breakIf(label, condition);
    });
  }

  /** Runs `body` while `condition` holds. */
  while(condition: Expr<"i32">, body: () => void): void {
    this.if(condition, () => this.doWhile(body, condition));
  }

  /** Counts `index` from 0 in steps while it is below `end`. */
  for(index: Local<"i32">, end: Expr<"i32">, step: number, body: () => void): void {
    this.set(index, i32(0));
    this.while(op("i32.lt_s", index, end), () => {
      body();
      this.bump(index, step);
    });
  }

  /** Encoded type and body, for `assemble`. */
  encode(): { type: number[]; code: number[] } {
    const types = (list: readonly ValueType[]) => vector(list.map((t) => [VALUE_TYPE_CODES[t]]));
    const body = [...vector(this.#locals.map((t) => [1, VALUE_TYPE_CODES[t]])), ...this.#body, END];
    return { type: [0x60, ...types(this.params.map((p) => p.type)), ...vector([])], code: [...unsigned(body.length), ...body] };
  }

  #nested(opener: number, body: (label: Label) => void): void {
    this.#body.push(opener, EMPTY_BLOCK);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.#body.push(END);
  }
}

function localOf<T extends ValueType>(type: T, index: number): Local<T> {
  return { type, index, bytes: [0x20, ...unsigned(index)] };
}

const PAGES_64K = 65536;

/** The bytes of a module that imports memory `env.memory`, shared between threads or not, and exports every function by name. */
export function assemble(functions: readonly FunctionBuilder[], shared = false): Uint8Array<ArrayBuffer> {
  const encoded = functions.map((f) => f.encode());
  const memory = [...text("env"), ...text("memory"), 0x02, shared ? 0x03 : 0x01, ...unsigned(1), ...unsigned(PAGES_64K)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(encoded.map((f) => f.type))),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map((f, i) => [...text(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(encoded.map((f) => f.code))),
    ...section(0, [...text("name"), ...section(1, vector(functions.map((f, i) => [...unsigned(i), ...text(f.name)])))]),
  ]);
}
