import fc from "fast-check";
import { expect, test } from "vitest";
import { bind, conv2d, matmul, Rng, randn, residentBlock, sizeOf, type Tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";
import { conv2dInputGrad, conv2dWeightGrad } from "../../../src/tensor/ops/index.ts";
import { Arena, activeThreads, setThreads } from "../../../src/wasm/index.ts";
import { runs } from "../../runs.ts";

const SENTINEL = 1234.5;

/** A memory that no other thread works on, whatever the surroundings: its scratch is not for as many as there are. */
function lonelyArena(): Arena {
  const pool = activeThreads();
  setThreads(undefined);
  try {
    return new Arena([64]);
  } finally {
    setThreads(pool);
  }
}

/** The output of a call placed for this many threads; what lies behind it must stay as it was. */
function placed(threads: number, def: AnyOp, inputs: readonly Tensor[], attrs: unknown): number[] {
  const arena = lonelyArena();
  Object.defineProperty(arena, "threads", { value: threads });
  const blocks = inputs.map((x) => {
    const address = arena.allocate(4 * x.size);
    arena.write(address, x.data as Float32Array);
    return residentBlock(arena, x, address, false);
  });
  const [meta] = def.infer(inputs, attrs);
  const size = sizeOf(meta!.shape);
  const address = arena.allocate(4 * size);
  arena.f32.fill(SENTINEL, address >> 2, (address >> 2) + size + 16);
  const [table, scratch] = [(bytes: number) => arena.allocate(bytes), (bytes: number) => arena.allocate(bytes)];
  const output = residentBlock(arena, meta!, address, false);
  const run = kernels[def.name]!.place({ arena, table, scratch, inputs: blocks, outputs: [output], attrs })!;
  for (let i = 0; i < 2; i++) run();
  expect([...arena.read(address + 4 * size, 16)]).toEqual(Array(16).fill(SENTINEL));
  return [...new Uint32Array(arena.memory.buffer, address, size)];
}

function expectSame(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): void {
  expect(placed(7, def, inputs, attrs)).toEqual(placed(1, def, inputs, attrs));
}

const some = (max: number) => fc.integer({ min: 1, max });

test("a matrix product has the same bits however many pieces it is cut into", () => {
  fc.assert(
    fc.property(some(200), some(300), some(90), fc.integer(), (rows, terms, columns, seed) => {
      const rng = new Rng(seed);
      expectSame(matmul.def, [randn([rows, terms], rng), randn([terms, columns], rng)], {});
    }),
    { numRuns: runs(10) },
  );
});

test("a convolution and its gradients have the same bits however many pieces they are cut into", () => {
  const geometry = fc.record({
    ...{ batch: some(2), inputs: some(9), outputs: fc.constantFrom(3, 8, 140), height: some(24), width: some(24) },
    ...{ kernel: some(3), stride: some(3), padding: fc.integer({ min: 0, max: 2 }), seed: fc.integer() },
  });
  fc.assert(
    fc.property(geometry, ({ batch, inputs, outputs, height, width, kernel, stride, padding, seed }) => {
      fc.pre(Math.min(height, width) + 2 * padding >= kernel);
      const rng = new Rng(seed);
      const attrs = { stride: [stride, stride], padding: Array(4).fill(padding), dilation: [1, 1], groups: 1 };
      const [x, w] = [randn([batch, inputs, height, width], rng), randn([outputs, inputs, kernel, kernel], rng)];
      expectSame(conv2d.def, [x, w], attrs);
      const g = randn(bind(conv2d.def, [x, w], attrs as never)[0]!.shape, rng);
      expectSame(conv2dInputGrad.def, [g, w], { ...attrs, inputSize: [height, width] });
      expectSame(conv2dWeightGrad.def, [x, g], { ...attrs, kernelSize: [kernel, kernel] });
    }),
    { numRuns: runs(20) },
  );
});
