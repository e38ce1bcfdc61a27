import {
  type Arena,
  type Entry,
  type Expr,
  FunctionBuilder,
  f32x4,
  i32,
  instantiate,
  type Local,
  lane,
  load,
  op,
  placeTasks,
  type Step,
  shuffle,
  type Task,
} from "../../wasm/index.ts";
import type { FakeQuantAttrs } from "../ops/fakeQuant.ts";
import { channelsOf, PIECE } from "../ops/fakeQuantGrad.ts";
import { type Meta, Placeholder } from "../tensor.ts";
import type { FastKernel, Run } from "./index.ts";
import { type Argument, allFloat, type Block, countOf, stepOf } from "./placement.ts";
import { above, add, below, div, mul, sub } from "./vectorMath.ts";

type Vector = Expr<"v128">;
type Pointer = Local<"i32">;

/** The quantizer of one channel, a value per vector. */
export interface Quantizer {
  readonly scale: Local<"v128">;
  readonly zeroPoint: Local<"v128">;
  readonly low: Local<"v128">;
  readonly high: Local<"v128">;
}

/** What is computed of the values of one channel. */
export interface ChannelBody {
  begin?(): void;
  /** The vector to store, if there is one; `mask` marks the lanes that count where some do not. */
  vector(q: Quantizer, mask?: Vector): Local<"v128"> | undefined;
  end?(): void;
}

/** clamp(rne(v) + z): codes are whole and never -0, so one-instruction bounds give the bits of the reference. */
export const clipped = (code: Vector, { low, high }: Quantizer): Vector => below(above(code, low), high);
export const codeOf = (v: Vector, { zeroPoint }: Quantizer): Vector => add(op("f32x4.nearest", v), zeroPoint);

const pair = (a: number, b: number): Vector => shuffle(f32x4(a), f32x4(b), [0, 4, 0, 4]);
const INDICES = shuffle(pair(0, 1), pair(2, 3), [0, 1, 4, 5]);
const PARAMETERS = ["i32", "i32", "i32", "i32", "i32", "f32", "f32"] as const;

/**
 * run(blocks.., scale, zeroPoint, channels, vectors, rest, qmin, qmax): the body for `channels` runs of 4 · vectors + rest
 * values each; every pointer moves along. The last block is the target; nothing is written behind its end.
 */
export function emitChannels(f: FunctionBuilder, blocks: readonly Pointer[], body: ChannelBody): void {
  const own = f.params.slice(f.params.length - PARAMETERS.length);
  const [scale, zeroPoint, channels, vectors, rest] = own as Pointer[];
  const [low, high] = own.slice(5).map((p) => f.let(op("f32x4.splat", p as Local<"f32">)));
  const q: Quantizer = { scale: f.local("v128"), zeroPoint: f.local("v128"), low: low!, high: high! };
  const mask = f.let(op("f32x4.gt", op("f32x4.splat", op("f32.convert_i32_s", rest!)), INDICES));
  const target = blocks[blocks.length - 1]!;
  const left = f.local("i32");
  f.while(op("i32.gt_s", channels!, i32(0)), () => {
    f.set(q.scale, load("v128.load32_splat", scale!));
    f.set(q.zeroPoint, add(op("f32x4.nearest", load("v128.load32_splat", zeroPoint!)), f32x4(0)));
    body.begin?.();
    f.set(left, vectors!);
    f.while(op("i32.gt_s", left, i32(0)), () => {
      const y = body.vector(q);
      if (y) f.store("v128.store", target, y);
      for (const p of blocks) f.bump(p, 16);
      f.bump(left, -1);
    });
    f.if(op("i32.gt_s", rest!, i32(0)), () => {
      const y = body.vector(q, mask);
      for (const i of [0, 1, 2] as const) {
        if (y) f.if(op("i32.gt_s", rest!, i32(i)), () => f.store("f32.store", target, lane(y, i), 4 * i));
      }
      for (const p of blocks) f.bump(p, op("i32.shl", rest!, i32(2)));
    });
    body.end?.();
    f.bump(scale!, 4);
    f.bump(zeroPoint!, 4);
    f.bump(channels!, -1);
  });
}

/** A function for `emitChannels`, with `blocks` pointers in front. */
export function channelFunction(blocks: number): { f: FunctionBuilder; pointers: readonly Pointer[] } {
  const f = new FunctionBuilder("run", [...Array.from({ length: blocks }, () => "i32" as const), ...PARAMETERS]);
  return { f, pointers: f.params.slice(0, blocks) as Pointer[] };
}

/** More calls than this (runs of single values) are left to the plain loops. */
const MOST_CALLS = 65536;
/** Work per element, in multiply-adds. */
const WORK = 8;

/**
 * A run of `entry` over the elements of x, a piece of one channel or several short channels per task. Given `sums`, the
 * first argument is where a call leaves 64 bytes per piece, in the order of the elements.
 */
export function placeChannels(
  arena: Arena,
  entry: Entry,
  x: Meta,
  { qmin, qmax, axis }: FakeQuantAttrs,
  { values, parameters, sums }: { values: readonly Block[]; parameters: readonly Block[]; sums?: number },
): Run | undefined {
  const [outer, channels, inner] = channelsOf(x, axis);
  const together = Math.max(1, Math.floor(PIECE / inner));
  if (outer * Math.ceil(channels / together) > MOST_CALLS) return undefined;
  const tasks: Task[] = [];
  let piece = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c += together) {
      const count = Math.min(together, channels - c);
      for (let from = 0; from < inner; from += PIECE) {
        const length = Math.min(PIECE, inner - from);
        const offset = 4 * ((o * channels + c) * inner + from);
        const pointers = [...values.map((b) => b.address + offset), ...parameters.map((b) => b.address + 4 * c)];
        const args = [...(sums === undefined ? [] : [sums + 64 * piece]), ...pointers, count, length >> 2, length & 3, qmin, qmax];
        tasks.push([{ entry, args }]);
        piece += count;
      }
    }
  }
  return placeTasks(arena, tasks, WORK * countOf(x));
}

/** Codes must be exact in f32. */
export const acceptsCodes = (zeroPoint: Pick<Block, "data">, { qmin, qmax }: FakeQuantAttrs): boolean =>
  Math.max(-qmin, qmax) < 2 ** 22 && !zeroPoint.data.some((z) => Math.abs(z) >= 2 ** 22);

const quantized = (x: Vector, q: Quantizer): Vector => mul(sub(clipped(codeOf(div(x, q.scale), q), q), q.zeroPoint), q.scale);

function emitForward(): FunctionBuilder {
  const { f, pointers } = channelFunction(2);
  const y = f.local("v128");
  emitChannels(f, pointers, {
    vector(q) {
      f.set(y, quantized(load("v128.load", pointers[0]!), q));
      return y;
    },
  });
  return f;
}

/** Where the parts of a quantization with one scale lie. */
export interface FakeQuantPlaces {
  /** Where the values are read. */
  readonly x: Argument;
  /** Where their nearest grid values go, of the same length. */
  readonly y: Argument;
  readonly scale: number;
  /** The code of 0. */
  readonly zeroPoint: number;
}

/** A step that fake-quantizes `count` values with one scale, for tasks made of several calls. Codes must be exact in f32. */
export function fakeQuantStep(
  arena: Arena,
  { x, y, scale, zeroPoint }: FakeQuantPlaces,
  count: number,
  { qmin, qmax }: Pick<FakeQuantAttrs, "qmin" | "qmax">,
): Step {
  return stepOf(forwardOn(arena), [x, y, scale, zeroPoint, 1, count >> 2, count & 3, qmin, qmax]);
}

const forwardOn = (arena: Arena): Entry => instantiate("fakeQuant", () => [emitForward()], arena).run;

/** The forward pass on whole vectors, for a chain of calls. */
function onVectors(f: FunctionBuilder, [x, scale, zero]: readonly Local<"v128">[], [low, high]: readonly Local<"v128">[]): Vector {
  const zeroPoint = f.let(add(op("f32x4.nearest", zero!), f32x4(0)));
  return quantized(x!, { scale: scale!, zeroPoint, low: low!, high: high! });
}

/** Bit-exact: division, rounding, clipping and scaling are the IEEE steps of the reference. */
export const fakeQuant: FastKernel = {
  place({ arena, inputs, outputs: [y], attrs }) {
    if (!allFloat(inputs) || countOf(y) === 0) return undefined;
    const [x, ...parameters] = inputs;
    return placeChannels(arena, forwardOn(arena), x, attrs as FakeQuantAttrs, { values: [x, y], parameters });
  },
  accepts: ([, , zeroPoint], attrs) => acceptsCodes(zeroPoint, attrs as FakeQuantAttrs),
  elementwise: (attrs) => (attrs as FakeQuantAttrs).axis === null,
  formula([x, , zeroPoint], attrs) {
    const { qmin, qmax, axis } = attrs as FakeQuantAttrs;
    const known = zeroPoint.dtype === "f32" && !(zeroPoint instanceof Placeholder);
    if (x.dtype !== "f32" || axis !== null || !known || !acceptsCodes(zeroPoint, { qmin, qmax, axis })) return undefined;
    return { name: "fakeQuant", weight: 6, parameters: [qmin, qmax], apply: onVectors };
  },
  bound: () => "exact",
};
