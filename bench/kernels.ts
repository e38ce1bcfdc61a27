/**
 * Speed of the emitted kernels against the reference loops. Every output is held to the kernel's stated bound
 * before it is timed. Prints a table and writes out/bench/kernels.json. An argument keeps the rows whose name
 * contains it: `npm run bench -- depthwise`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { Bench } from "tinybench";
import { Rng, randn, sizeOf, type Tensor, tensor } from "../src/tensor/index.ts";
import { kernels } from "../src/tensor/kernels/index.ts";
import { runOnce } from "../src/tensor/kernels/placement.ts";
import type { AnyOp } from "../src/tensor/op.ts";
import {
  add,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  exp,
  fakeQuant,
  matmul,
  maxPool2d,
  mul,
  permute,
  relu,
  sigmoid,
  silu,
  slice,
  sum,
} from "../src/tensor/ops/index.ts";
import { absolute, expectWithin, reference } from "../test/laws/bound.ts";

interface Row {
  readonly name: string;
  readonly def: AnyOp;
  readonly inputs: readonly Tensor[];
  readonly attrs: unknown;
  /** Floating-point operations of a call; 0 where elements per second say more. */
  readonly flops: number;
}

interface Measured {
  readonly name: string;
  readonly op: string;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly gflops: number | null;
  readonly nsPerElement: number;
  readonly referenceMs: number;
  readonly timesFaster: number;
}

const rng = new Rng("bench");
const BUDGET_MS = 250;

/** Forward and both gradients of one square convolution. */
function convolution(name: string, channels: number, filters: number, size: number, kernel: number, stride: number, groups = 1): Row[] {
  const p = Math.floor(kernel / 2);
  const attrs = { stride: [stride, stride], padding: [p, p, p, p], dilation: [1, 1], groups } as const;
  const x = randn([1, channels, size, size], rng);
  const weight = randn([filters, channels / groups, kernel, kernel], rng);
  const bias = randn([filters], rng);
  const [y] = conv2d.def.infer([x, weight], attrs);
  const g = randn(y!.shape, rng);
  const flops = 2 * sizeOf(y!.shape) * (channels / groups) * kernel * kernel;
  return [
    { name, def: conv2d.def, inputs: [x, weight, bias], attrs, flops },
    { name, def: conv2dInputGrad.def, inputs: [g, weight], attrs: { ...attrs, inputSize: [size, size] }, flops },
    { name, def: conv2dWeightGrad.def, inputs: [x, g], attrs: { ...attrs, kernelSize: [kernel, kernel] }, flops },
  ];
}

function rows(): Row[] {
  const map = randn([1, 16, 208, 208], rng);
  const other = randn([1, 16, 208, 208], rng);
  const perChannel = randn([1, 16, 1, 1], rng);
  const plain = (name: string, op: { readonly def: AnyOp }, inputs: readonly Tensor[], attrs: unknown = {}): Row => ({
    ...{ name, def: op.def, inputs, attrs, flops: 0 },
  });
  const scales = tensor(Array.from({ length: 16 }, () => rng.float(0.01, 0.1)));
  const zeros = tensor(Array.from({ length: 16 }, () => rng.int(0, 255)));
  const codes = { qmin: 0, qmax: 255 };
  return [
    ...[64, 256, 512].map((n) => ({
      ...{
        name: `${n} x ${n} x ${n}`,
        def: matmul.def as AnyOp,
        inputs: [randn([n, n], rng), randn([n, n], rng)],
        attrs: {},
        flops: 2 * n ** 3,
      },
    })),
    ...convolution("1x1 64 to 64, 52", 64, 64, 52, 1, 1),
    ...convolution("1x1 128 to 128, 26", 128, 128, 26, 1, 1),
    ...convolution("1x1 256 to 256, 13", 256, 256, 13, 1, 1),
    ...convolution("3x3 12 to 16, 208", 12, 16, 208, 3, 1),
    ...convolution("3x3 64 to 64, 52", 64, 64, 52, 3, 1),
    ...convolution("3x3 128 to 128, 26", 128, 128, 26, 3, 1),
    ...convolution("3x3 64 to 128, 52, stride 2", 64, 128, 52, 3, 2),
    ...convolution("depthwise 3x3 64, 52", 64, 64, 52, 3, 1, 64),
    ...convolution("depthwise 3x3 16, 208, stride 2", 16, 16, 208, 3, 2, 16),
    ...convolution("depthwise 5x5 64, 52", 64, 64, 52, 5, 1, 64),
    plain("map", relu, [map]),
    plain("map", sigmoid, [map]),
    plain("map", silu, [map]),
    plain("map", exp, [map]),
    plain("two maps", mul, [map, other]),
    plain("one per channel", add, [map, perChannel]),
    plain("per tensor", fakeQuant, [map, tensor([0.05]), tensor([128])], { ...codes, axis: null }),
    plain("per channel", fakeQuant, [map, scales, zeros], { ...codes, axis: 1 }),
    plain("13x13, 128 x 13 x 13", maxPool2d, [randn([1, 128, 13, 13], rng)], {
      ...{ kernel: [13, 13], stride: [1, 1], padding: [6, 6, 6, 6], dilation: [1, 1], ceilMode: false },
    }),
    plain("per channel", sum, [map], { dim: [0, 2, 3], keepdim: false }),
    plain("every second column", slice, [map], { dim: 3, start: 0, end: 208, step: 2 }),
    plain("channels last", permute, [map], { perm: [0, 2, 3, 1] }),
  ];
}

async function measure({ name, def, inputs, attrs, flops }: Row): Promise<Measured> {
  const kernel = kernels[def.name]!;
  const metas = def.infer(inputs, attrs);
  const run = (): Tensor[] => {
    const outputs = runOnce(kernel, inputs, attrs, metas);
    if (!outputs) throw new Error(`${def.name} (${name}): the kernel must support the call, got undefined`);
    return outputs;
  };
  const started = performance.now();
  const want = reference(def, inputs, attrs);
  const referenceMs = performance.now() - started;
  expectWithin(run(), want, kernel.bound(inputs, attrs), () => reference(def, inputs.map(absolute), attrs));
  let sink = 0;
  const bench = new Bench({ time: BUDGET_MS, warmupTime: BUDGET_MS / 4 });
  bench.add(name, () => {
    sink += run()[0]!.data[0]!;
  });
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (result.state !== "completed" || Number.isNaN(sink))
    throw new Error(`${def.name} (${name}): the run must complete, got ${result.state}`);
  const { p50: medianMs, min: bestMs } = result.latency;
  return {
    ...{ name, op: def.name, medianMs, bestMs, referenceMs },
    gflops: flops > 0 ? flops / medianMs / 1e6 : null,
    nsPerElement: (medianMs * 1e6) / Math.max(want[0]!.size, inputs[0]!.size),
    timesFaster: referenceMs / medianMs,
  };
}

const shown = process.argv[2] ?? "";
const processor = cpus()[0]?.model ?? "unknown";
console.log(`${processor}, ${cpus().length} cores, Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(2)}`);
const measured: Measured[] = [];
for (const row of rows()) {
  if (!`${row.def.name} ${row.name}`.includes(shown)) continue;
  const m = await measure(row);
  measured.push(m);
  const speed = m.gflops === null ? `${m.nsPerElement.toFixed(2)} ns/element` : `${m.gflops.toFixed(1)} GFLOP/s`;
  console.log(
    `${m.op.padEnd(17)} ${m.name.padEnd(32)} ${m.medianMs.toFixed(3).padStart(8)} ms ${speed.padStart(17)} ${m.timesFaster.toFixed(0).padStart(5)} x reference`,
  );
}
mkdirSync("out/bench", { recursive: true });
writeFileSync(
  "out/bench/kernels.json",
  `${JSON.stringify({ processor, node: process.versions.node, load: loadavg()[0], rows: measured }, null, 2)}\n`,
);
