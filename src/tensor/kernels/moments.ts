import { type Expr, FunctionBuilder, i32, instantiate, type Local, load, op, placeTasks, shuffle } from "../../wasm/index.ts";
import { sizeOf } from "../shape.ts";
import type { FastKernel } from "./index.ts";
import { allFloat } from "./placement.ts";

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
  const zero = op("f64x2.convert_low_i32x4_s", op("i32x4.splat", i32(0)));
  const pass = (see: (pair: number, value: Vector) => void): void => {
    for (const total of totals) f.set(total, zero);
    f.set(start, x);
    f.for(n, batch, 1, () => {
      at.forEach((pointer, k) => {
        if (k === 0) f.set(pointer, start);
        else if (k === 1) f.set(pointer, op("i32.add", start, second));
        else f.set(pointer, op("i32.add", at[k - 1], channel));
      });
      for (const sum of sums) f.set(sum, zero);
      overPlane({ f, at, left }, inner, see);
      sums.forEach((sum, p) => f.set(totals[p], add(totals[p], sum)));
      f.bump(start, image);
    });
  };
  const by = (number: Local<"i32">): Local<"v128"> => f.let(op("f64x2.convert_low_i32x4_s", op("i32x4.splat", number)));
  pass((p, value) => f.set(sums[p], add(sums[p], value)));
  const whole = by(count);
  totals.forEach((total, p) => {
    f.set(centers[p], op("f64x2.div", total, whole));
    f.store("v128.store", mean, centers[p], 16 * p);
  });
  pass((p, value) => {
    f.set(d, op("f64x2.sub", value, centers[p]));
    f.set(sums[p], add(sums[p], op("f64x2.mul", d, d)));
  });
  const free = by(divisor);
  totals.forEach((total, p) => f.store("v128.store", variance, op("f64x2.div", total, free), 16 * p));
  return f;
}

/** Pairs of channels that are summed at once: sums wait for one another, those of other channels need not. */
const WIDE = 4;

/** Every channel is summed in the order of the reference, several channels at a time. */
export const channelMoments: FastKernel = {
  place({ arena, inputs: [x], outputs: [mean, variance] }) {
    const [batch, channels] = x.shape;
    const inner = sizeOf(x.shape.slice(2));
    const count = batch * inner;
    if (!allFloat([x]) || channels * count === 0) return undefined;
    const entries = instantiate("channelMoments", () => [emitMoments(WIDE), emitMoments(1)], arena);
    const plane = 4 * inner;
    const task = (first: number, pairs: number) => {
      // A channel without a partner is its own; what its double gives lies behind the outputs.
      const second = first + 1 < channels ? plane : 0;
      const shape = [second, plane, channels * plane, batch, inner, count, Math.max(1, count - 1)];
      const args = [x.address + first * plane, ...shape, mean.address + 8 * first, variance.address + 8 * first];
      return [{ entry: entries[`moments${pairs}`], args }];
    };
    const wide = Math.floor(channels / (2 * WIDE));
    const rest = Math.ceil((channels - 2 * WIDE * wide) / 2);
    const tasks = [
      ...Array.from({ length: wide }, (_, i) => task(2 * WIDE * i, WIDE)),
      ...Array.from({ length: rest }, (_, i) => task(2 * WIDE * wide + 2 * i, 1)),
    ];
    return placeTasks(arena, tasks, 2 * channels * count);
  },
  bound: () => "exact",
};
