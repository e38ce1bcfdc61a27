import { type Arena, type Entry, FunctionBuilder, i32, i32x4, instantiate, type Local, load, op, shuffle } from "../../wasm/index.ts";

/** A depthwise filter as its kernel is emitted for it; `row` is the bytes of a row of the padded i16 plane. */
export interface Filter {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly row: number;
}

/** Two taps that one dot product covers: the byte offset of the first, and their places in the kernel (-1: none). */
interface TapPair {
  readonly offset: number;
  readonly first: number;
  readonly second: number;
}

/** Whether the direct kernel covers a geometry; others run as grouped products. */
export const isDirect = ({ stride }: Pick<Filter, "stride">): boolean => stride[1] <= 2;

/** Neighbouring taps of a row go in pairs; dilated ones alone. */
function tapPairs({ kernel: [kh, kw], dilation, row }: Filter): TapPair[] {
  const pairs: TapPair[] = [];
  for (let ky = 0; ky < kh; ky++) {
    for (let kx = 0; kx < kw; kx += dilation[1] === 1 ? 2 : 1) {
      const second = dilation[1] === 1 && kx + 1 < kw ? ky * kw + kx + 1 : -1;
      pairs.push({ offset: ky * dilation[0] * row + 2 * kx * dilation[1], first: ky * kw + kx, second });
    }
  }
  return pairs;
}

/** Packs the weights [channels, kh, kw] of depthwise filters, zero points taken off, as the kernel reads them. */
export function packFilters(weight: Int16Array, channels: number, filter: Filter): Int16Array {
  const pairs = tapPairs(filter);
  const taps = filter.kernel[0] * filter.kernel[1];
  const packed = new Int16Array(2 * pairs.length * channels);
  for (let c = 0, at = 0; c < channels; c++) {
    for (const { first, second } of pairs) {
      packed[at++] = weight[c * taps + first];
      packed[at++] = second < 0 ? 0 : weight[c * taps + second];
    }
  }
  return packed;
}

/** Bytes of one channel's packed weights. */
export const filterBytes = (filter: Filter): number => 4 * tapPairs(filter).length;

/**
 * The function (plane, weights, rows, columns, sums), addresses in bytes, that filters one plane of i16:
 * sums[y, x] = sum over taps of weight * plane[y * stride + ky * dilation, …], exact in int32. Rows of sums are dense and
 * written in whole eights, so up to 7 sums behind the last are overwritten.
 */
export function filterOf(arena: Arena, filter: Filter): Entry {
  const { kernel, stride, dilation, row } = filter;
  return instantiate(`integer depthwise ${kernel} ${stride} ${dilation} ${row}`, () => [emitFilter(filter)], arena).filter;
}

/** Weights held in registers: with two sums and two loads they fit the 15 there are. */
const HELD = 6;

/** filter(plane, weights, rows, columns, sums). */
function emitFilter(filter: Filter): FunctionBuilder {
  const f = new FunctionBuilder("filter", ["i32", "i32", "i32", "i32", "i32"]);
  const [plane, weights, rows, columns, sums] = f.pointers;
  const pairs = tapPairs(filter);
  const [y, left, from, to] = f.locals("i32", 4);
  const [even, odd] = f.locals("v128", 2);
  const weightAt = (i: number) => load("v128.load32_splat", weights, 4 * i);
  const held = pairs.slice(0, pairs.length <= HELD ? HELD : 0).map((_, i) => f.let(weightAt(i)));
  const strided = filter.stride[1] === 2;
  const eight = () => {
    f.set(even, i32x4(0));
    f.set(odd, i32x4(0));
    pairs.forEach(({ offset }, i) => {
      const weight = held[i] ?? weightAt(i);
      const add = (sum: Local<"v128">, at: number) =>
        f.set(sum, op("i32x4.add", op("i32x4.dot_i16x8_s", load("v128.load", from, at), weight), sum));
      add(even, offset);
      add(odd, offset + (strided ? 16 : 2));
    });
    // At stride 1 a dot product gives every other pixel, at stride 2 four in a row.
    f.store("v128.store", to, strided ? even : shuffle(even, odd, [0, 4, 1, 5]));
    f.store("v128.store", to, strided ? odd : shuffle(even, odd, [2, 6, 3, 7]), 16);
  };
  f.for(y, rows, 1, () => {
    f.set(from, plane);
    f.set(to, sums);
    f.set(left, columns);
    f.while(op("i32.gt_s", left, i32(0)), () => {
      eight();
      f.bump(from, 16 * filter.stride[1]);
      f.bump(to, 32);
      f.set(left, op("i32.sub", left, i32(8)));
    });
    f.bump(plane, filter.stride[0] * filter.row);
    f.bump(sums, op("i32.mul", columns, i32(4)));
  });
  return f;
}

/** Bytes of a padded i16 plane of `rows` rows, with room for the loads past its end. */
export const planeBytes = (rows: number, row: number): number => rows * row + 64;

/**
 * The function (codes, height, width, zeroPoint, target, row) that widens a dense plane of codes to i16, its zero point taken
 * off, into rows `row` bytes apart. It writes nothing around it: the border stays what it was.
 */
export const widenOf = (arena: Arena, signed: boolean): Entry =>
  instantiate(`integer widen ${signed}`, () => [emitWiden(signed)], arena).widen;

/** widen(codes, height, width, zeroPoint, target, row). */
function emitWiden(signed: boolean): FunctionBuilder {
  const f = new FunctionBuilder("widen", ["i32", "i32", "i32", "i32", "i32", "i32"]);
  const [codes, height, width, zeroPoint, target, row] = f.pointers;
  const [y, left, to] = f.locals("i32", 3);
  const zero = f.let(op("i16x8.splat", zeroPoint));
  const step = (count: number, body: () => void) => {
    body();
    f.bump(codes, count);
    f.bump(to, 2 * count);
    f.set(left, op("i32.sub", left, i32(count)));
  };
  f.for(y, height, 1, () => {
    f.set(left, width);
    f.set(to, target);
    f.while(op("i32.gt_s", left, i32(7)), () =>
      step(8, () => f.store("v128.store", to, op("i16x8.sub", load(signed ? "v128.load8x8_s" : "v128.load8x8_u", codes), zero))),
    );
    f.while(left, () =>
      step(1, () => f.store("i32.store16", to, op("i32.sub", load(signed ? "i32.load8_s" : "i32.load8_u", codes), zeroPoint))),
    );
    f.bump(target, row);
  });
  return f;
}
