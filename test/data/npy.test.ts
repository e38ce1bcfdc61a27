import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readNpy, readNpz, writeNpy, writeNpz } from "../../src/data/index.ts";
import { inflate } from "../../src/data/inflate.ts";
import { Tensor, tensor } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const arrays = fc.oneof(
  fc.float32Array({ maxLength: 6 }).map((data) => new Tensor([data.length], "f32", data)),
  fc.float64Array({ maxLength: 6 }).map((data) => new Tensor([1, data.length, 1], "f64", data)),
  fc.int32Array({ maxLength: 6 }).map((data) => new Tensor([data.length, 1], "i32", data)),
  fc.int8Array({ minLength: 1, maxLength: 1 }).map((data) => new Tensor([], "i8", data)),
  fc.uint8Array({ maxLength: 5 }).map((data) => new Tensor([data.length], "u8", data)),
);

/** An .npy file with this header and body. */
function file(header: string, body: Uint8Array = new Uint8Array(8)): Uint8Array {
  const text = new TextEncoder().encode(header);
  return Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, text.length & 255, text.length >> 8, ...text, ...body]);
}

const expand = (bytes: Uint8Array, size: number): Uint8Array => inflate(bytes, size, (problem) => new Error(problem));

describe("npy", () => {
  it("reads back what it wrote, its data at a multiple of 64 bytes", () => {
    fc.assert(
      fc.property(arrays, (x) => {
        const bytes = writeNpy(x);
        expect((bytes.length - x.data.byteLength) % 64).toBe(0);
        expect(readNpy(bytes)).toEqual(x);
      }),
      { numRuns: runs(50) },
    );
  });

  it("refuses every truncation, naming the file", () => {
    const bytes = writeNpy(tensor([1, 2, 3]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readNpy(bytes.subarray(0, length), "w.npy")).toThrow(/^readNpy: w\.npy must [^\n]*, got [^\n]*$/);
    }
  });

  it("takes keys in any order and either quotes, and nothing else", () => {
    expect(readNpy(file(`{"shape": (2,), "fortran_order": False, 'descr': "<i4"}`)).shape).toEqual([2]);
    for (const header of [
      "{'descr': '<i4', 'fortran_order': False}",
      "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'more': True}",
      "{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<i4' 'fortran_order': False, 'shape': (2,)}",
      "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<i4', 'fortran_order': 0, 'shape': (2,)}",
    ]) {
      expect(() => readNpy(file(header))).toThrow("must have a header like");
    }
    expect(() => readNpy(file("{'descr': '<i4', 'fortran_order': False, 'shape': (2)}"))).toThrow(
      "must have a tuple as its shape, got (2)",
    );
    expect(() => readNpy(file("{'descr': '<i4', 'fortran_order': False, 'shape': (1e1,)}"))).toThrow(
      "shape of whole numbers >= 0, got (1e1,)",
    );
  });
});

describe("npz", () => {
  it("reads back what it wrote, in any order of insertion", () => {
    const key = fc.stringMatching(/^[a-z_.]{1,5}(\/[a-zé]{1,3})?$/).filter((k) => !/^\.{1,2}(\/|$)/.test(k));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, arrays), { selector: ([k]) => k, maxLength: 4 }), (entries) => {
        const bytes = writeNpz(new Map(entries));
        expect(writeNpz(new Map([...entries].reverse()))).toEqual(bytes);
        expect(new Map(readNpz(bytes))).toEqual(new Map(entries));
      }),
      { numRuns: runs(50) },
    );
  });

  it("refuses every truncation, and every changed byte it notices, in one line", () => {
    const bytes = writeNpz(new Map([["w", tensor([1, 2, 3])]]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readNpz(bytes.subarray(0, length), "w.npz")).toThrow(/^readNpz: w\.npz [^\n]*, got [^\n]*$/);
    }
    for (let i = 0; i < bytes.length; i++) {
      const damaged = bytes.slice();
      damaged[i] ^= 0x41;
      try {
        readNpz(damaged, "w.npz");
      } catch (error) {
        expect((error as Error).message).toMatch(/^readNpz: w\.npz [^\n]*, got [^\n]*$/);
      }
    }
  });

  it("writes no key that leaves the archive", () => {
    for (const key of ["../w", "/w", "a//b", "", "a\\b", "C:w"]) {
      expect(() => writeNpz(new Map([[key, tensor([1])]]))).toThrow("writeNpz: a key must stay in the archive");
    }
  });
});

describe("inflate", () => {
  it("expands what zlib deflates at any level", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc.array(fc.nat({ max: 3 }), { maxLength: 3000 }).map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(0, 1, 6, 9), fc.constantFrom(0, 2, 4), (data, level, strategy) => {
        expect(expand(Uint8Array.from(deflateRawSync(data, { level, strategy })), data.length)).toEqual(data);
      }),
      { numRuns: runs(100) },
    );
  });

  it("expands long runs and far copies", () => {
    const data = Uint8Array.from({ length: 200_000 }, (_, i) =>
      i < 40_000 ? (i * i) >> 7 : i < 120_000 ? 7 : ((i - 32_000) * (i - 32_000)) >> 7,
    );
    expect(expand(Uint8Array.from(deflateRawSync(data, { level: 9 })), data.length)).toEqual(data);
  });

  it("refuses damage instead of going on", () => {
    const data = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) % 31);
    const packed = Uint8Array.from(deflateRawSync(data));
    for (let length = 0; length < packed.length; length++)
      expect(() => expand(packed.subarray(0, length), data.length)).toThrow(/must .*, got /);
    expect(() => expand(packed, data.length - 1)).toThrow("must expand to 299 bytes, got more");
    expect(() => expand(packed, data.length + 1)).toThrow("must expand to 301 bytes, got 300");
    expect(() => expand(Uint8Array.from([...packed, 0]), data.length)).toThrow("must end with its last block, got 1 bytes behind it");
    expect(() => expand(Uint8Array.of(7), 1)).toThrow("must hold blocks of kind 0, 1 or 2, got 3");
    expect(() => expand(Uint8Array.of(1, 1, 0, 0, 0, 9), 1)).toThrow("must state the length of a stored block twice alike");
    expect(() => expand(Uint8Array.of(1), 2000)).toThrow("must state a size that 1 compressed bytes can have, at most 1032, got 2000");
    fc.assert(
      fc.property(fc.nat({ max: packed.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = packed.slice();
        damaged[at] ^= flip;
        try {
          expect(expand(damaged, data.length)).toHaveLength(data.length);
        } catch (error) {
          expect((error as Error).message).toMatch(/must .*, got /);
        }
      }),
      { numRuns: runs(200) },
    );
  });
});
