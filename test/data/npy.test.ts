import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readNpy, readNpz, writeNpy, writeNpz } from "../../src/data/index.ts";
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

describe("compressed npz", () => {
  const long = tensor(Array.from({ length: 500 }, (_, i) => (i * 7) % 31));
  const deflated = (key: string, x: Tensor) => zipSync({ [`${key}.npy`]: writeNpy(x) }, { level: 9 });

  it("is read as the plain form is", () => {
    fc.assert(
      fc.property(arrays, (x) => {
        expect(readNpz(deflated("w", x)).get("w")).toEqual(x);
      }),
      { numRuns: runs(50) },
    );
  });

  it("is refused in one line where a byte is missing, and never read as something else where one is changed", () => {
    const bytes = deflated("w", long);
    for (let length = 0; length < bytes.length; length += 3) {
      expect(() => readNpz(bytes.subarray(0, length), "w.npz")).toThrow(/^readNpz: w\.npz [^\n]*, got [^\n]*$/);
    }
    for (let i = 0; i < bytes.length; i++) {
      const damaged = bytes.slice();
      damaged[i] ^= 0x15;
      try {
        for (const x of readNpz(damaged, "w.npz").values()) expect(x).toEqual(long);
      } catch (error) {
        expect((error as Error).message).toMatch(/^readNpz: w\.npz [^\n]*, got [^\n]*$/);
      }
    }
  });

  it("may not promise more than deflate can hold", () => {
    const bytes = deflated("w", long);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const directory = view.getUint32(bytes.length - 6, true);
    view.setUint32(directory + 24, 2 ** 30, true);
    expect(() => readNpz(bytes)).toThrow("must expand 1032 times at most");
  });
});
