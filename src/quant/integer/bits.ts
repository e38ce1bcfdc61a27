import { ArgumentError } from "../../errors.ts";

/** Bytes that `count` codes of `bits` bits take: the last byte is filled with zero bits. */
export const packedBytes = (count: number, bits: number): number => Math.ceil((count * bits) / 8);

/**
 * Packs codes at their true width, first code in the lowest bits: 4-bit codes lie two to a byte.
 *
 * Errors: ArgumentError unless bits is 2..8 and every code lies in [low, low + 2^bits - 1].
 */
export function packBits(codes: ArrayLike<number>, bits: number, low: number): Uint8Array {
  requireBits("packBits", bits);
  const packed = new Uint8Array(packedBytes(codes.length, bits));
  const span = 2 ** bits;
  let pending = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < codes.length; i++) {
    const value = codes[i] - low;
    if (!Number.isInteger(value) || value < 0 || value >= span) {
      throw new ArgumentError("packBits", `every code must be whole and in [${low}, ${low + span - 1}], got ${codes[i]} (code ${i})`);
    }
    pending |= value << held;
    held += bits;
    while (held >= 8) {
      packed[at++] = pending & 255;
      pending >>= 8;
      held -= 8;
    }
  }
  if (held > 0) packed[at] = pending;
  return packed;
}

/**
 * The inverse of `packBits`, widened to 16 bits.
 *
 * Errors: ArgumentError unless bits is 2..8 and the bytes are exactly those of `count` codes, unused bits zero.
 */
export function unpackBits(packed: Uint8Array, count: number, bits: number, low: number): Int16Array {
  requireBits("unpackBits", bits);
  const bytes = packedBytes(count, bits);
  if (packed.length !== bytes) {
    throw new ArgumentError("unpackBits", `${count} codes of ${bits} bits must take ${bytes} bytes, got ${packed.length}`);
  }
  const codes = new Int16Array(count);
  const mask = 2 ** bits - 1;
  let pending = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (held < bits) {
      pending |= packed[at++] << held;
      held += 8;
    }
    codes[i] = (pending & mask) + low;
    pending >>= bits;
    held -= bits;
  }
  if (pending !== 0) throw new ArgumentError("unpackBits", `the bits behind the last code must be zero, got ${pending}`);
  return codes;
}

function requireBits(where: string, bits: number): void {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) throw new ArgumentError(where, `bits must be an integer in 2..8, got ${bits}`);
}
