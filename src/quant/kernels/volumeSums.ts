import { type Expr, FunctionBuilder, i32, instantiate, load, op, shuffle } from "../../wasm/index.ts";
import { reside } from "./reside.ts";

/** Positions of one step: a cache line of every channel. */
const STEP = 16;

/**
 * Sums of |x| over the channels of x [channels, positions], in double and in the order of the channels. They hold until
 * the next kernel runs. Undefined where x does not fit the memory, or has too few positions to pay.
 */
export function magnitudeSums(x: Float32Array, channels: number, positions: number): Float64Array | undefined {
  if (positions < STEP) return undefined;
  const placed = reside(x, 8 * STEP * Math.ceil(positions / STEP));
  if (!placed) return undefined;
  const { arena, address, room } = placed;
  instantiate("magnitudeSums", () => [emitSums()], arena).sums(address, channels, positions, room);
  return new Float64Array(arena.memory.buffer, room, positions);
}

/** sums(x, channels, positions, target): the last step reads and writes past the end of a line, into what nobody reads. */
function emitSums(): FunctionBuilder {
  const f = new FunctionBuilder("sums", ["i32", "i32", "i32", "i32"]);
  const [x, channels, positions, target] = f.pointers;
  const [position, channel, from] = f.locals("i32", 3);
  const pitch = f.let(op("i32.mul", positions, i32(4)));
  const sums = f.locals("v128", STEP / 2);
  const value = f.local("v128");
  f.for(position, positions, STEP, () => {
    for (const s of sums) f.set(s, op("v128.xor", s, s));
    f.set(from, x);
    f.for(channel, channels, 1, () => {
      for (let i = 0; i < STEP / 4; i++) {
        f.set(value, op("f32x4.abs", load("v128.load", from, 16 * i)));
        const add = (k: number, pair: Expr<"v128">): void => f.set(sums[k], op("f64x2.add", sums[k], op("f64x2.promote_low_f32x4", pair)));
        add(2 * i, value);
        add(2 * i + 1, shuffle(value, value, [2, 3, 2, 3]));
      }
      f.bump(from, pitch);
    });
    sums.forEach((s, i) => f.store("v128.store", target, s, 16 * i));
    f.bump(x, 4 * STEP);
    f.bump(target, 8 * STEP);
  });
  return f;
}
