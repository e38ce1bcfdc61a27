import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linear } from "../../../src/quant/integer/activation.ts";
import { type Filter, filterOf, packFilters, planeBytes, widenOf } from "../../../src/quant/integer/depthwise.ts";
import { finishOf, quantizeOf } from "../../../src/quant/integer/epilogue.ts";
import { writeRecords } from "../../../src/quant/integer/finishRecord.ts";
import { BLOCK_COLUMNS, multiplyOf, packRows, pairBlocks, roundUp, scratchBytes, sumBytes } from "../../../src/quant/integer/gemm.ts";
import { codesOf, type Grid } from "../../../src/quant/integer/grid.ts";
import { Rng, roundHalfEven, tensor } from "../../../src/tensor/index.ts";
import { Arena, type Step } from "../../../src/wasm/index.ts";

const arena = new Arena([64]);
const u8 = new Uint8Array(arena.memory.buffer);

/** Copies an array into the arena. */
function put(array: Int16Array | Int32Array | Uint8Array | Int8Array | Float32Array): number {
  const address = arena.allocate(array.byteLength + 64);
  u8.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), address);
  return address;
}

const run = (steps: readonly Step[]): void => steps.forEach(({ entry, args }) => entry(...args));

const whole = (rng: Rng, length: number, low: number, high: number): number[] => Array.from({ length }, () => rng.int(low, high));

const seed = fc.integer({ min: 0, max: 2 ** 20 });

describe("the packed product", () => {
  it("equals plain integer sums, for any rows, columns and terms, neighbouring pixels or not", () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 9 }),
      terms: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 2200 })),
      columns: fc.integer({ min: 1, max: BLOCK_COLUMNS }),
      signed: fc.boolean(),
      step: fc.integer({ min: 1, max: 3 }),
      seed,
    });
    fc.assert(
      fc.property(sizes, ({ rows, terms, columns, signed, step, seed: s }) => {
        arena.reset();
        const rng = new Rng(s);
        const width = step * (columns + 8);
        const codes = whole(rng, terms * width, signed ? -128 : 0, signed ? 127 : 255);
        const weight = Int16Array.from(whole(rng, rows * terms, -255, 255));
        const zeroPoint = signed ? -5 : 7;
        const pairs = Math.ceil(terms / 2);
        const product = {
          ...{ rows, blocks: pairBlocks(pairs), packed: put(packRows(weight, rows, terms)) },
          pairTable: put(Int32Array.from({ length: 2 * pairs }, (_, i) => Math.min(i, terms - 1) * width)),
          scratch: arena.allocate(scratchBytes(pairs)),
          sums: arena.allocate(sumBytes(rows)),
        };
        const pixels = put(Int32Array.from({ length: roundUp(columns, 8) }, (_, n) => n * step));
        const address = put(signed ? Int8Array.from(codes) : Uint8Array.from(codes));
        run(multiplyOf(arena, signed, 0)(product, address, pixels, columns, zeroPoint));
        for (let r = 0; r < rows; r++) {
          for (let n = 0; n < columns; n++) {
            let sum = 0;
            for (let k = 0; k < terms; k++) sum += weight[r * terms + k] * (codes[k * width + n * step] - zeroPoint);
            expect(arena.i32[(product.sums >> 2) + r * BLOCK_COLUMNS + n]).toBe(sum);
          }
        }
      }),
    );
  });
});

describe("the depthwise filter", () => {
  it("equals plain integer sums, for any kernel, dilation and stride", () => {
    const sizes = fc.record({
      kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 7 })),
      stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })),
      dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
      out: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 })),
      signed: fc.boolean(),
      seed,
    });
    fc.assert(
      fc.property(sizes, ({ kernel, stride, dilation, out, signed, seed: s }) => {
        arena.reset();
        const rng = new Rng(s);
        const [height, width] = [0, 1].map((i) => (out[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1);
        const filter: Filter = { kernel, stride, dilation, row: 2 * (width + 3) };
        const codes = whole(rng, height * width, signed ? -128 : 0, signed ? 127 : 255);
        const taps = Int16Array.from(whole(rng, kernel[0] * kernel[1], -255, 255));
        const plane = arena.allocate(planeBytes(height, filter.row));
        const source = put(signed ? Int8Array.from(codes) : Uint8Array.from(codes));
        widenOf(arena, signed)(source, height, width, 9, plane, filter.row);
        const sums = arena.allocate(4 * out[0] * out[1] + 32);
        filterOf(arena, filter)(plane, put(packFilters(taps, 1, filter)), out[0], out[1], sums);
        for (let y = 0; y < out[0]; y++) {
          for (let x = 0; x < out[1]; x++) {
            let sum = 0;
            taps.forEach((w, t) => {
              const [ky, kx] = [Math.floor(t / kernel[1]), t % kernel[1]];
              sum += w * (codes[(y * stride[0] + ky * dilation[0]) * width + x * stride[1] + kx * dilation[1]] - 9);
            });
            expect(arena.i32[(sums >> 2) + y * out[1] + x]).toBe(sum);
          }
        }
      }),
    );
  });
});

const gridWith = (scale: number[], zeroPoint: number[], qmin: number, qmax: number): Grid => ({
  ...{ scale: Float32Array.from(scale), zeroPoint: Int32Array.from(zeroPoint), qmin, qmax, key: "grid" },
});

const drawnGrid = fc
  .record({
    bits: fc.integer({ min: 2, max: 8 }),
    signed: fc.boolean(),
    scale: fc.double({ min: 1e-3, max: 2, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ bits, signed, scale, share }) => {
    const qmin = signed ? -(2 ** (bits - 1)) : 0;
    const qmax = qmin + 2 ** bits - 1;
    return gridWith([scale], [qmin + Math.round(share * (qmax - qmin))], qmin, qmax);
  });

describe("the finish", () => {
  it("rounds, shifts and clips each value as fakeQuant does, at ties and far outside too", () => {
    const values = fc.array(
      fc.oneof(fc.double({ min: -600, max: 600, noNaN: true }), fc.integer({ min: -600, max: 600 }), fc.constantFrom(0, -0, 1e30, -1e30)),
      { minLength: 1, maxLength: 70 },
    );
    fc.assert(
      fc.property(drawnGrid, values, (grid, drawn) => {
        arena.reset();
        const s = grid.scale[0];
        // Half steps are ties on the nose where the division is exact.
        const x = tensor(Float32Array.from(drawn, (v) => (Number.isInteger(v) ? (v / 2) * s : v)));
        const finish = { activation: linear, forms: [grid] };
        const records = arena.allocate(64);
        writeRecords(arena, records, finish, [{ codes: 0, multiplier: 0, real: 0 }]);
        const [target, tail] = [arena.allocate(x.size + 1), arena.allocate(64)];
        u8[target + x.size] = 99;
        const quantize = quantizeOf(arena, [grid], { records, tail, targets: [{ address: target, pitch: 0 }], threadStep: 0 });
        run([quantize({ address: put(x.data as Float32Array), pitch: 0, rows: 1, columns: x.size, channel: 0, pixel: 0 })]);
        const bytes = u8.slice(target, target + x.size);
        expect(grid.qmin < 0 ? new Int8Array(bytes.buffer) : bytes).toEqual(codesOf(x, grid));
        expect(u8[target + x.size]).toBe(99);
      }),
    );
  });

  it("turns sums into every form in one pass, a channel at a time", () => {
    fc.assert(
      fc.property(drawnGrid, drawnGrid, fc.integer({ min: 1, max: 40 }), seed, (first, second, columns, s) => {
        arena.reset();
        const rng = new Rng(s);
        const rows = 3;
        const sums = Int32Array.from(whole(rng, rows * columns, -(2 ** 22), 2 ** 22));
        const channels = whole(rng, rows, -1000, 1000).map((codes, c) => ({
          codes,
          multiplier: Math.fround(1e-5 * (c + 1)),
          real: c === 1 ? 0.5 : 0,
        }));
        const perChannel = gridWith([0.1, 0.2, 0.3], [1, 2, 3], 0, 255);
        const finish = { activation: linear, forms: [first, "float" as const, perChannel, second] };
        const records = arena.allocate(1024);
        writeRecords(arena, records, finish, channels);
        const targets = finish.forms.map((form) => {
          const pitch = (form === "float" ? 4 : 1) * columns;
          return { address: arena.allocate(rows * pitch), pitch };
        });
        const done = finishOf(arena, finish, { records, tail: arena.allocate(256), targets, threadStep: 0 });
        run([done({ address: put(sums), pitch: 4 * columns, rows, columns, channel: 0, pixel: 0 })]);
        const real = Float32Array.from(sums, (v, i) => {
          const { codes, multiplier, real: added } = channels[Math.floor(i / columns)];
          return Math.fround(Math.fround(v + codes) * multiplier) + added;
        });
        const x = tensor(real, [1, rows, columns]);
        expect(arena.read(targets[1].address, real.length)).toEqual(real);
        for (const i of [0, 2, 3]) {
          const grid = finish.forms[i] as Grid;
          const bytes = u8.slice(targets[i].address, targets[i].address + real.length);
          expect(grid.qmin < 0 ? new Int8Array(bytes.buffer) : bytes).toEqual(codesOf(x, grid));
        }
      }),
    );
  });

  it("rounds half to even", () => {
    expect([...codesOf(tensor([0.5, 1.5, 2.5, -0.5, -1.5]), gridWith([1], [10], 0, 255))]).toEqual([10, 12, 12, 10, 8]);
    expect(roundHalfEven(2.5)).toBe(2);
  });
});
