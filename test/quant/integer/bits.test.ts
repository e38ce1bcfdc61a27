import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packBits, packedBytes, unpackBits } from "../../../src/quant/integer/bits.ts";

describe("packBits", () => {
  it("gives the codes back, for 2 to 8 bits, in the fewest whole bytes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }).chain((bits) =>
          fc.boolean().chain((signed) => {
            const low = signed ? -(2 ** (bits - 1)) : 0;
            return fc.record({
              bits: fc.constant(bits),
              low: fc.constant(low),
              codes: fc.array(fc.integer({ min: low, max: low + 2 ** bits - 1 })),
            });
          }),
        ),
        ({ bits, low, codes }) => {
          const packed = packBits(codes, bits, low);
          expect(packed.length).toBe(Math.ceil((codes.length * bits) / 8));
          expect([...unpackBits(packed, codes.length, bits, low)]).toEqual(codes);
        },
      ),
    );
  });

  it("puts two 4-bit codes into a byte, the first below", () => {
    expect([...packBits([1, -8, 7], 4, -8)]).toEqual([0x09, 0x0f]);
    expect(packedBytes(3, 4)).toBe(2);
  });

  it("refuses codes and widths outside", () => {
    expect(() => packBits([16], 4, 0)).toThrow("packBits: every code must be whole and in [0, 15], got 16 (code 0)");
    expect(() => packBits([0.5], 4, 0)).toThrow("got 0.5");
    expect(() => packBits([], 9, 0)).toThrow("packBits: bits must be an integer in 2..8, got 9");
    expect(() => unpackBits(new Uint8Array(3), 3, 4, 0)).toThrow("unpackBits: 3 codes of 4 bits must take 2 bytes, got 3");
    expect(() => unpackBits(Uint8Array.of(0, 0xf0), 3, 4, 0)).toThrow("the bits behind the last code must be zero, got 15");
  });
});
