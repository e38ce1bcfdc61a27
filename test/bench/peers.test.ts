import { expect, test } from "vitest";
import { eager } from "../../bench/ours/eager.ts";
import { permuted } from "../../bench/peers/layout.ts";
import { convModel, matmulModel, stackInt8Model, stackModel } from "../../bench/peers/onnxModels.ts";
import { EngineProcess, MARK } from "../../bench/peers/protocol.ts";
import type { ConvSizes, Inputs, Kind, SpecOf } from "../../bench/problems.ts";
import { disagreement, type Outputs, type Solution, sampleOf } from "../../bench/solver.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { Rng, randn } from "../../src/tensor/index.ts";

const rng = new Rng("peers");
const SIZES: ConvSizes = { batch: 2, inputs: 4, outputs: 4, size: 5, kernel: 3, groups: 1 };
const MAP = [2, 4, 5, 5];
const WEIGHT = [4, 4, 3, 3];

async function ours<K extends Kind>(spec: SpecOf<K>, inputs: Inputs): Promise<Outputs> {
  const solved = await eager[spec.kind]!(spec as never, inputs);
  return (solved as Solution).outputs();
}

/** Holds a file written for other runtimes, read by our importer, to our own solution of the problem. */
async function expectSame<K extends Kind>(model: Uint8Array, spec: SpecOf<K>, inputs: Inputs): Promise<void> {
  const y = importOnnx(model, { name: spec.kind }).forward(inputs.x!).y!;
  expect(disagreement([sampleOf(y.data)], (await ours(spec, inputs)).map(sampleOf), 1e-5)).toBeUndefined();
}

test("values in another order of dimensions", () => {
  const nchw = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  const nhwc = permuted(nchw, [1, 3, 2, 2], [0, 2, 3, 1]);
  expect([...nhwc]).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
  expect([...permuted(nhwc, [1, 2, 2, 3], [0, 3, 1, 2])]).toEqual(nchw);
});

test("the ONNX files that runtimes are given compute what we do", async () => {
  const inputs = Object.fromEntries([
    ["x", randn(MAP, rng)],
    ["w", randn(WEIGHT, rng)],
    ["b", randn([4], rng)],
    ...[0, 1].flatMap((i) => [
      [`w${i}`, randn(WEIGHT, rng, 0.2)],
      [`b${i}`, randn([4], rng, 0.1)],
    ]),
  ]) as Inputs;
  const conv = { kind: "conv", ...SIZES } as const;
  await expectSame(convModel(conv, inputs), conv, inputs);
  const stack = { kind: "stack", layers: 2, ...SIZES } as const;
  await expectSame(stackModel(stack, inputs), stack, inputs);
});

test("the integer stack of the ONNX file lies within a code of the simulation", async () => {
  const spec: SpecOf<"stackInt8"> = { kind: "stackInt8", layers: 1, weightBits: 8, ranges: [1, 4], ...SIZES };
  const inputs: Inputs = { x: randn(MAP, rng, 0.3), w0: randn(WEIGHT, rng, 0.2), b0: randn([4], rng, 0.1) };
  const y = importOnnx(stackInt8Model(spec, inputs), { name: "stack" }).forward(inputs.x!).y!;
  const [want] = await ours(spec, inputs);
  const code = 4 / 127;
  for (let i = 0; i < y.size; i++) expect(Math.abs(y.data[i]! - want![i]!)).toBeLessThanOrEqual(1.001 * code);
});

test("a product has two inputs by name", () => {
  expect(importOnnx(matmulModel({ kind: "matmul", n: 3 }), { name: "matmul" }).inputs.map((p) => p.name)).toEqual(["a", "b"]);
});

test("an engine that ends, or says nothing in time, is unable, and says why", async () => {
  const run = (code: string, patience = 10) => new EngineProcess([process.execPath, "-e", code], {}, patience);
  expect(await run("console.error('no such package'); process.exit(3)").started()).toEqual({
    unable: "the process ended (3) no such package",
  });
  expect(await run("setTimeout(() => {}, 60000)", 0.05).started()).toEqual({ unable: "no answer within 0.05 s" });
  const talking = run(`console.log("hello from a library"); console.log('${MARK}{"version":"1"}'); setTimeout(() => {}, 60000)`);
  expect(await talking.started()).toEqual({ version: "1" });
  talking.close();
  expect(await talking.measure(1)).toHaveProperty("unable");
});
