import {
  type Arena,
  type Expr,
  FunctionBuilder,
  f64x2,
  i32,
  instantiate,
  type Local,
  lane,
  load,
  op,
  placeTasks,
  shuffle,
} from "../../wasm/index.ts";
import { sizeOf } from "../shape.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, type Block } from "./placement.ts";

type Vector = Expr<"v128">;

const add = (a: Vector, b: Vector): Vector => op("f64x2.add", a, b);
const low = (quad: Vector): Vector => op("f64x2.promote_low_f32x4", quad);

/** The place of one plane of each channel while a pass goes over them. */
interface Walk {
  readonly f: FunctionBuilder;
  readonly at: readonly Local<"i32">[];
  readonly left: Local<"i32">;
}

/** Hands every element of a plane to `see`, two channels side by side in double, each channel in order. */
function overPlane({ f, at, left }: Walk, inner: Local<"i32">, see: (pair: number, value: Vector) => void): void {
  const pairs = Array.from({ length: at.length / 2 }, (_, p) => p);
  const mixed = f.local("v128");
  const step = (count: number, visit: (pair: number) => void): void => {
    pairs.forEach(visit);
    for (const pointer of at) f.bump(pointer, 4 * count);
    f.set(left, op("i32.sub", left, i32(count)));
  };
  const both = (load4: "v128.load" | "v128.load32_splat", pair: number, lanes: readonly [number, number, number, number]): Vector =>
    shuffle(load(load4, at[2 * pair]), load(load4, at[2 * pair + 1]), lanes);
  f.set(left, inner);
  f.while(op("i32.gt_s", left, i32(3)), () =>
    step(4, (pair) => {
      for (const first of [0, 2]) {
        f.set(mixed, both("v128.load", pair, [first, first + 4, first + 1, first + 5]));
        see(pair, low(mixed));
        see(pair, low(shuffle(mixed, mixed, [2, 3, 2, 3])));
      }
    }),
  );
  f.while(op("i32.gt_s", left, i32(0)), () => step(1, (pair) => see(pair, low(both("v128.load32_splat", pair, [0, 4, 0, 4])))));
}

/** The planes of the channels of an image that begins at `start`: the second lies `second` bytes behind the first. */
function setPlanes({ f, at }: Walk, start: Local<"i32">, second: Local<"i32">, channel: Local<"i32">): void {
  at.forEach((pointer, k) => {
    f.set(pointer, k === 0 ? start : k === 1 ? op("i32.add", start, second) : op("i32.add", at[k - 1], channel));
  });
}

const zero = f64x2(0);
const inDouble = (f: FunctionBuilder, number: Local<"i32">): Local<"v128"> =>
  f.let(op("f64x2.convert_low_i32x4_s", op("i32x4.splat", number)));

/**
 * moments(x, second, channel, image, batch, inner, count, divisor, mean, variance): of 2 `pairs` channels, `channel` bytes
 * apart, the second `second` bytes behind the first; images lie `image` bytes apart.
 */
function emitMoments(pairs: number): FunctionBuilder {
  const f = new FunctionBuilder(
    `moments${pairs}`,
    Array.from({ length: 10 }, () => "i32" as const),
  );
  const [x, second, channel, image, batch, inner, count, divisor, mean, variance] = f.pointers;
  const at = f.locals("i32", 2 * pairs);
  const [left, n, start] = f.locals("i32", 3);
  const [sums, totals, centers] = [f.locals("v128", pairs), f.locals("v128", pairs), f.locals("v128", pairs)];
  const d = f.local("v128");
  const walk = { f, at, left };
  const pass = (see: (pair: number, value: Vector) => void): void => {
    for (const total of totals) f.set(total, zero);
    f.set(start, x);
    f.for(n, batch, 1, () => {
      setPlanes(walk, start, second, channel);
      for (const sum of sums) f.set(sum, zero);
      overPlane(walk, inner, see);
      sums.forEach((sum, p) => f.set(totals[p], add(totals[p], sum)));
      f.bump(start, image);
    });
  };
  pass((p, value) => f.set(sums[p], add(sums[p], value)));
  const whole = inDouble(f, count);
  totals.forEach((total, p) => {
    f.set(centers[p], op("f64x2.div", total, whole));
    f.store("v128.store", mean, centers[p], 16 * p);
  });
  pass((p, value) => {
    f.set(d, op("f64x2.sub", value, centers[p]));
    f.set(sums[p], add(sums[p], op("f64x2.mul", d, d)));
  });
  const free = inDouble(f, divisor);
  totals.forEach((total, p) => f.store("v128.store", variance, op("f64x2.div", total, free), 16 * p));
  return f;
}

/** sums(x, second, channel, image, batch, inner, divisor, y): one running sum a channel, divided and rounded to f32 at the end. */
function emitSums(pairs: number): FunctionBuilder {
  const f = new FunctionBuilder(
    `sums${pairs}`,
    Array.from({ length: 8 }, () => "i32" as const),
  );
  const [x, second, channel, image, batch, inner, divisor, y] = f.pointers;
  const walk = { f, at: f.locals("i32", 2 * pairs), left: f.local("i32") };
  const n = f.local("i32");
  const sums = f.locals("v128", pairs);
  const result = f.local("v128");
  f.for(n, batch, 1, () => {
    setPlanes(walk, x, second, channel);
    overPlane(walk, inner, (p, value) => f.set(sums[p], add(sums[p], value)));
    f.bump(x, image);
  });
  const count = inDouble(f, divisor);
  sums.forEach((sum, p) => {
    f.set(result, op("f32x4.demote_f64x2_zero", op("f64x2.div", sum, count)));
    f.store("f32.store", y, lane(result, 0), 8 * p);
    f.store("f32.store", y, lane(result, 1), 8 * p + 4);
  });
  return f;
}

/** Pairs of channels that are summed at once: sums wait for one another, those of other channels need not. */
const WIDE = 4;

/** Groups of channels that together are all: the first of each, how many pairs, and where the second lies behind the first. */
function groupsOf(channels: number, plane: number): { first: number; pairs: number; second: number }[] {
  const wide = Math.floor(channels / (2 * WIDE));
  const rest = Math.ceil((channels - 2 * WIDE * wide) / 2);
  const group = (first: number, pairs: number) =>
    // A channel without a partner is its own; what its double gives lies behind the outputs.
    ({ first, pairs, second: first + 1 < channels ? plane : 0 });
  return [
    ...Array.from({ length: wide }, (_, i) => group(2 * WIDE * i, WIDE)),
    ...Array.from({ length: rest }, (_, i) => group(2 * WIDE * wide + 2 * i, 1)),
  ];
}

/** Every channel is summed in the order of the reference, several channels at a time. */
export const channelMoments: FastKernel = {
  place({ arena, inputs: [x], outputs: [mean, variance] }) {
    const [batch, channels] = x.shape;
    const inner = sizeOf(x.shape.slice(2));
    const count = batch * inner;
    if (!allFloat([x]) || channels * count === 0) return undefined;
    const entries = instantiate("channelMoments", () => [emitMoments(WIDE), emitMoments(1)], arena);
    const plane = 4 * inner;
    const tasks = groupsOf(channels, plane).map(({ first, pairs, second }) => {
      const shape = [second, plane, channels * plane, batch, inner, count, Math.max(1, count - 1)];
      const args = [x.address + first * plane, ...shape, mean.address + 8 * first, variance.address + 8 * first];
      return [{ entry: entries[`moments${pairs}`], args }];
    });
    return placeTasks(arena, tasks, 2 * channels * count);
  },
  bound: () => "exact",
};

/**
 * Sums over [batch, channels, inner] into one f32 a channel, divided by `divisor`, in the order of the reference;
 * undefined where there is no other channel to sum meanwhile.
 */
export function placeChannelSums(
  arena: Arena,
  x: Block,
  y: Block,
  [batch, channels, inner]: readonly [number, number, number],
  divisor: number,
): Run | undefined {
  if (channels < 2) return undefined;
  const entries = instantiate("channelSums", () => [emitSums(WIDE), emitSums(1)], arena);
  const plane = 4 * inner;
  const tasks = groupsOf(channels, plane).map(({ first, pairs, second }) => {
    const args = [x.address + first * plane, second, plane, channels * plane, batch, inner, divisor, y.address + 4 * first];
    return [{ entry: entries[`sums${pairs}`], args }];
  });
  return placeTasks(arena, tasks, batch * channels * inner);
}
