import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Node } from "../../../src/graph/index.ts";
import { reachOf } from "../../../src/quant/integer/activation.ts";
import { finishOf } from "../../../src/quant/integer/epilogue.ts";
import { type ChannelBias, type Finish, recordBytes, writeRecords } from "../../../src/quant/integer/finishRecord.ts";
import type { Grid } from "../../../src/quant/integer/grid.ts";
import { CELLS, type Lookup, lookupOf } from "../../../src/quant/integer/lookup.ts";
import { mul, Rng, sigmoid } from "../../../src/tensor/index.ts";
import { Arena } from "../../../src/wasm/index.ts";

const arena = new Arena([64]);
const u8 = new Uint8Array(arena.memory.buffer);

const gate: Node = { name: "gate", op: sigmoid.def, attrs: {}, inputs: ["x"], outputs: ["g"] };
const product: Node = { name: "product", op: mul.def, attrs: {}, inputs: ["x", "g"], outputs: ["y"] };
const { activation } = reachOf(
  "x",
  new Map([
    ["x", [gate, product]],
    ["g", [product]],
  ]),
  new Set(),
);
const curve = activation.curve!;

const gridWith = (scale: number, zeroPoint: number, qmin: number, qmax: number): Grid => ({
  ...{ scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), qmin, qmax, key: "grid" },
});

const drawnGrid = fc
  .record({ bits: fc.integer({ min: 2, max: 8 }), signed: fc.boolean(), scale: fc.double({ min: 2e-3, max: 2, noNaN: true }) })
  .chain(({ bits, signed, scale }) => {
    const qmin = signed ? -(2 ** (bits - 1)) : 0;
    const qmax = qmin + 2 ** bits - 1;
    return fc.integer({ min: qmin, max: qmax }).map((zero) => gridWith(scale, zero, qmin, qmax));
  });

/** The codes a finish leaves of rows of sums, and one byte behind each row. */
function finished(finish: Finish, channels: readonly ChannelBias[], sums: Int32Array): Uint8Array {
  arena.reset();
  const [rows, columns] = [channels.length, sums.length / channels.length];
  const table = arena.allocate(CELLS);
  if (finish.lookup) u8.set(finish.lookup.codes, table);
  const records = arena.allocate(recordBytes(finish) * rows);
  writeRecords(arena, records, finish, channels, table);
  const pitch = columns + 1;
  const [target, values, tail] = [arena.allocate(rows * pitch), arena.allocate(4 * sums.length), arena.allocate(64)];
  u8.fill(99, target, target + rows * pitch);
  arena.i32.set(sums, values >> 2);
  const done = finishOf(arena, finish, { records, tail, targets: [{ address: target, pitch }], threadStep: 0 });
  const { entry, args } = done({ address: values, pitch: 4 * columns, rows, columns, channel: 0, pixel: 0 });
  entry(...args);
  return u8.slice(target, target + rows * pitch);
}

const doubtful = ({ codes, marker }: Lookup): number => codes.filter((c) => c === marker).length;

describe("the table of an activation's codes", () => {
  it("leaves the bytes of the plain finish, and no others", () => {
    const drawn = fc.record({
      grid: drawnGrid,
      columns: fc.integer({ min: 1, max: 90 }),
      width: fc.constantFrom(0.5, 4, 30),
      real: fc.double({ min: -1, max: 1, noNaN: true }).map(Math.fround),
      seed: fc.integer({ min: 0, max: 2 ** 20 }),
    });
    fc.assert(
      fc.property(drawn, ({ grid, columns, width, real, seed }) => {
        const lookup = lookupOf(curve, grid, width + 2, 1);
        fc.pre(lookup !== undefined);
        const rng = new Rng(seed);
        const channels = [1, 2, 3].map((c) => ({ codes: 100 * c, multiplier: Math.fround(1e-6 * c), real: c === 2 ? real : 0 }));
        const sums = Int32Array.from({ length: 3 * columns }, () => rng.int(-(width * 3e5), width * 3e5));
        const plain = { activation, forms: [grid] };
        expect(finished({ ...plain, lookup: lookup! }, channels, sums)).toEqual(finished(plain, channels, sums));
      }),
      { numRuns: 300 },
    );
  });

  it("is right around every step between two codes", () => {
    const grid = gridWith(0.03, 9, 0, 255);
    const lookup = lookupOf(curve, grid, 30, 0)!;
    const channels = [{ codes: 0, multiplier: Math.fround(1e-5), real: 0 }];
    const plain = { activation, forms: [grid] };
    const sums = Int32Array.from({ length: 2 ** 20 }, (_, i) => i - 2 ** 18);
    expect(finished({ ...plain, lookup }, channels, sums)).toEqual(finished(plain, channels, sums));
  });

  it("is certain of nearly all cells below the largest code", () => {
    const lookup = lookupOf(curve, gridWith(0.03, 9, 0, 255), 30, 0)!;
    const top = CELLS - (lookup.low + 247 * 0.03 - lookup.low * 2) * lookup.perUnit;
    expect(doubtful(lookup) - top).toBeLessThan(0.03 * CELLS);
  });

  it("is not made where inputs reach so far that the kernel's sigmoid decides, or the float summand drowns them", () => {
    const grid = gridWith(0.03, 9, 0, 255);
    expect(lookupOf(curve, grid, 1e5, 0)).toBeUndefined();
    expect(lookupOf(curve, grid, 30, 1e3)).toBeUndefined();
  });
});
