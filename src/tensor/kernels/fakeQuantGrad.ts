import { type Expr, type FunctionBuilder, f32x4, instantiate, type Local, load, op, shuffle } from "../../wasm/index.ts";
import { channelsOf, type FakeQuantGradAttrs, PIECE } from "../ops/fakeQuantGrad.ts";
import { acceptsCodes, channelFunction, clipped, codeOf, emitChannels, placeChannels } from "./fakeQuant.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, type Block, countOf } from "./placement.ts";
import { div, mul, sub } from "./vectorMath.ts";

type Vector = Expr<"v128">;

/** Four sums in double, of the lanes of what is added. */
class LaneSums {
  readonly #f: FunctionBuilder;
  readonly #halves: readonly Local<"v128">[];
  readonly #term: Local<"v128">;

  constructor(f: FunctionBuilder) {
    this.#f = f;
    this.#halves = f.locals("v128", 2);
    this.#term = f.local("v128");
  }

  clear(): void {
    for (const half of this.#halves) this.#f.set(half, f32x4(0));
  }

  add(term: Vector): void {
    this.#f.set(this.#term, term);
    const parts = [this.#term, shuffle(this.#term, this.#term, [2, 3, 2, 3])];
    this.#halves.forEach((half, i) => this.#f.set(half, op("f64x2.add", half, op("f64x2.promote_low_f32x4", parts[i]!))));
  }

  store(address: Local<"i32">, offset: number): void {
    this.#halves.forEach((half, i) => this.#f.store("v128.store", address, half, offset + 16 * i));
  }
}

/** Doubles per piece: the four lanes of the sums for the scale, then of those for the zero point. */
const LANES = 8;

/** run(sums, g, x, dx, ..): without dx where it is not wanted. */
function emitGradients([ofX, ofScale, ofZeroPoint]: FakeQuantGradAttrs["wants"]): FunctionBuilder {
  const { f, pointers } = channelFunction(ofX ? 4 : 3);
  const [sums, g, x] = pointers as [Local<"i32">, Local<"i32">, Local<"i32">];
  const scale = ofScale ? new LaneSums(f) : undefined;
  const outside = ofZeroPoint ? new LaneSums(f) : undefined;
  const [cotangent, v, code, bounded, inside, dx] = f.locals("v128", 6) as Local<"v128">[] & { length: 6 };
  emitChannels(f, pointers.slice(1), {
    begin() {
      scale?.clear();
      outside?.clear();
    },
    vector(q, mask) {
      f.set(cotangent!, load("v128.load", g));
      f.set(v!, div(load("v128.load", x), q.scale));
      f.set(code!, codeOf(v!, q));
      f.set(bounded!, clipped(code!, q));
      f.set(inside!, op("f32x4.eq", code!, bounded!));
      const counted = (term: Vector): Vector => (mask ? op("v128.and", term, mask) : term);
      scale?.add(counted(mul(cotangent!, sub(sub(bounded!, q.zeroPoint), op("v128.and", v!, inside!)))));
      outside?.add(counted(op("v128.andnot", mul(cotangent!, q.scale), inside!)));
      if (ofX) f.set(dx!, op("v128.and", cotangent!, inside!));
      return ofX ? dx : undefined;
    },
    end() {
      scale?.store(sums, 0);
      outside?.store(sums, 32);
      f.bump(sums, 8 * LANES);
    },
  });
  return f;
}

/** Adds up the lanes of each piece, and the pieces of each channel in their order. */
function totals(parts: Float64Array, from: number, channels: number, perChannel: number, sign: 1 | -1, y: Block): () => void {
  const sums = new Float64Array(channels);
  return () => {
    sums.fill(0);
    for (let i = from, p = 0; i < parts.length; i += LANES, p++) {
      const c = Math.floor(p / perChannel) % channels;
      sums[c] += parts[i]! + parts[i + 1]! + (parts[i + 2]! + parts[i + 3]!);
    }
    for (let c = 0; c < channels; c++) y.data[c] = sign === 1 ? sums[c]! : 0 - sums[c]!;
  };
}

/** Bit-exact: the steps of each term are IEEE, and the order of the sums in double is that of the reference. */
export const fakeQuantGrad: FastKernel = {
  place({ arena, inputs, outputs, attrs, scratch }) {
    const { axis, wants } = attrs as FakeQuantGradAttrs;
    const [g, x, ...parameters] = inputs;
    if (!allFloat(inputs) || countOf(x) === 0) return undefined;
    const left = [...outputs];
    const [dx, dscale, dzeroPoint] = wants.map((wanted) => (wanted ? left.shift() : undefined));
    const { run } = instantiate(`fakeQuantGrad ${wants}`, () => [emitGradients(wants)], arena);
    const [outer, channels, inner] = channelsOf(x, axis);
    const perChannel = Math.ceil(inner / PIECE);
    const size = LANES * outer * channels * perChannel;
    const sums = scratch(8 * size);
    const passes = placeChannels(arena, run, x, attrs as FakeQuantGradAttrs, { values: dx ? [g, x, dx] : [g, x], parameters, sums });
    if (!passes) return undefined;
    const parts = new Float64Array(arena.memory.buffer, sums, size);
    const ofScale = dscale && totals(parts, 0, channels, perChannel, 1, dscale);
    const ofZeroPoint = dzeroPoint && totals(parts, LANES / 2, channels, perChannel, -1, dzeroPoint);
    return () => {
      passes();
      ofScale?.();
      ofZeroPoint?.();
    };
  },
  accepts: ([, , , zeroPoint], attrs) => acceptsCodes(zeroPoint, attrs as FakeQuantGradAttrs),
  bound: () => "exact",
};
