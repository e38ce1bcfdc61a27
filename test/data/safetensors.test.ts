import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/data/index.ts";
import { Tensor, tensor } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

describe("safetensors", () => {
  it("reads back what it wrote, in any order of insertion", () => {
    const value = fc.oneof(
      fc.float32Array({ maxLength: 6 }).map((data) => new Tensor([data.length], "f32", data)),
      fc.float64Array({ maxLength: 6 }).map((data) => new Tensor([1, data.length], "f64", data)),
      fc.int32Array({ maxLength: 6 }).map((data) => new Tensor([data.length, 1], "i32", data)),
      fc.int8Array({ maxLength: 5 }).map((data) => new Tensor([data.length], "i8", data)),
      fc.uint8Array({ maxLength: 5 }).map((data) => new Tensor([data.length], "u8", data)),
    );
    const key = fc.string({ unit: "grapheme" }).filter((k) => k !== "__metadata__");
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([k]) => k, maxLength: 5 }), (entries) => {
        const bytes = writeSafetensors(new Map(entries));
        expect(writeSafetensors(new Map([...entries].reverse()))).toEqual(bytes);
        const { tensors } = readSafetensors(bytes);
        expect(new Set(tensors.keys())).toEqual(new Set(entries.map(([k]) => k)));
        for (const [k, { shape, dtype, data }] of entries) expect(tensors.get(k)).toMatchObject({ shape, dtype, data });
      }),
      { numRuns: runs(50) },
    );
  });

  it("keeps metadata", () => {
    const metadata = new Map([["format", "inlierq"]]);
    expect(readSafetensors(writeSafetensors(new Map([["w", tensor([1, 2])]]), metadata)).metadata).toEqual(metadata);
  });

  it("refuses every truncation, naming the file", () => {
    const bytes = writeSafetensors(new Map([["w", tensor([1, 2, 3])]]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readSafetensors(bytes.subarray(0, length), "w.safetensors")).toThrow(/^readSafetensors: w\.safetensors /);
    }
  });

  it("reads a view that starts anywhere in its buffer", () => {
    const bytes = writeSafetensors(new Map([["w", tensor([1.5, -2])]]));
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect([...readSafetensors(shifted.subarray(3)).tensors.get("w")!.data]).toEqual([1.5, -2]);
  });
});
