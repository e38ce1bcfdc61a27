import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { diskShelf } from "../../src/node/index.ts";
import { Places } from "../../src/node/places.ts";
import { boundedShelf, type Kept } from "../../src/quant/index.ts";
import { type DType, Rng, randn, Tensor } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const root = mkdtempSync(join(tmpdir(), "inlierq-shelf-"));
afterAll(() => rmSync(root, { recursive: true }));

const DTYPES: readonly DType[] = ["f32", "f64", "i32", "i8", "u8"];

/** A part of a longer array, as views of activations are. */
function drawn(rng: Rng): Tensor {
  const dtype = rng.oneOf(DTYPES);
  const size = rng.int(0, 40);
  const whole = randn([size + 8], rng, 50, "f64").data;
  const arrays = { f32: Float32Array, f64: Float64Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array };
  return new Tensor([size], dtype, arrays[dtype].from(whole).subarray(3, 3 + size));
}

/** Puts and drops at random, and compares everything that is still there; gives what was held at most. */
function exercise(rng: Rng, put: (x: Tensor) => Kept): number {
  const there = new Map<Kept, Tensor>();
  let most = 0;
  for (let i = 0; i < 60; i++) {
    if (rng.int(0, 2) > 0 || there.size === 0) {
      const x = drawn(rng);
      there.set(put(x), x);
    } else {
      const [kept] = rng.oneOf([...there]);
      kept.drop();
      there.delete(kept);
    }
    most = Math.max(
      most,
      [...there.values()].reduce((sum, x) => sum + x.data.byteLength, 0),
    );
  }
  for (const [kept, x] of there) expect(kept.get()).toEqual(new Tensor(x.shape, x.dtype, x.data.slice()));
  return most;
}

describe("diskShelf", () => {
  it("gives back what was put, and uses dropped places again", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const disk = diskShelf(root);
        try {
          const most = exercise(new Rng(seed), (x) => disk.put(x));
          expect(disk.bytes).toBeLessThanOrEqual(3 * most + 400);
        } finally {
          disk.close();
        }
        expect(readdirSync(root)).toEqual([]);
      }),
      { numRuns: runs(40) },
    );
  });

  it("does not grow while what it is given replaces what it drops", () => {
    const disk = diskShelf(root);
    const x = randn([100], new Rng(1));
    for (let i = 0; i < 50; i++) disk.put(x).drop();
    expect(disk.bytes).toBe(400);
    disk.close();
  });

  it("says what was dropped or closed, and where no file can be", () => {
    const disk = diskShelf(root);
    const [first, second] = [disk.put(randn([3], new Rng(1))), disk.put(randn([3], new Rng(1)))];
    first.drop();
    first.drop();
    expect(() => first.get()).toThrow("diskShelf: a tensor must be read before it is dropped, got one that was dropped");
    disk.close();
    disk.close();
    expect(() => second.get()).toThrow("diskShelf: the shelf must be open, got one that was closed");
    expect(() => diskShelf(join(root, "nowhere")).put(randn([3], new Rng(1)))).toThrow(
      /^diskShelf: .*nowhere must take .*, got no such file or folder/,
    );
  });
});

describe("boundedShelf", () => {
  it("keeps no more than its bytes in memory", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 2000 }), (seed, bytes) => {
        let beyond = 0;
        let inside = 0;
        const outer = boundedShelf(bytes, {
          put(x) {
            beyond++;
            inside -= x.data.byteLength;
            return {
              get: () => x,
              drop() {
                inside += x.data.byteLength;
              },
            };
          },
        });
        exercise(new Rng(seed), (x) => {
          const kept = outer.put(x);
          inside += x.data.byteLength;
          expect(inside).toBeLessThanOrEqual(bytes);
          return {
            get: kept.get,
            drop() {
              inside -= x.data.byteLength;
              kept.drop();
            },
          };
        });
        expect(outer.memory).toBe(bytes);
        if (bytes === 0) expect(beyond).toBeGreaterThan(0);
      }),
      { numRuns: runs(40) },
    );
  });
});

it("places never overlap, and all of them freed are one", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat())), (moves) => {
      const places = new Places();
      const taken: [start: number, length: number][] = [];
      for (const [length, pick] of moves) {
        if (pick % 3 === 0 && taken.length > 0) places.free(...taken.splice(pick % taken.length, 1)[0]);
        else taken.push([places.take(length), length]);
        const sorted = [...taken].sort((a, b) => a[0] - b[0]);
        sorted.forEach(([start, size], i) => {
          expect(start + size).toBeLessThanOrEqual(sorted[i + 1]?.[0] ?? places.end);
        });
      }
      for (const place of taken) places.free(...place);
      const { end } = places;
      if (end > 0) expect([places.take(end), places.end]).toEqual([0, end]);
    }),
  );
});
