import { bind, Rng, randn, sizeOf, type Tensor, tensor } from "../../src/tensor/index.ts";
import type { AnyOp } from "../../src/tensor/op.ts";
import {
  add,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  exp,
  fakeQuant,
  maxPool2d,
  mul,
  permute,
  relu,
  sigmoid,
  silu,
  slice,
  sum,
} from "../../src/tensor/ops/index.ts";
import { verifyCalls } from "../ours/verify.ts";
import type { Workload } from "./workload.ts";

/** One call of one op on inputs made by `inputs`. */
interface Call {
  readonly name: string;
  readonly def: AnyOp;
  readonly attrs?: unknown;
  readonly flops?: number;
  inputs(rng: Rng): readonly Tensor[];
}

function row({ name, def, attrs = {}, flops = 0, inputs }: Call): Workload {
  const shown = `${def.name} ${name}`;
  return {
    ...{ name: shown, flops, peak: flops > 0 ? "f32" : undefined },
    prepare() {
      const tensors = inputs(new Rng(`bench/${shown}`));
      const run = () => bind(def, tensors, attrs);
      return { run, elements: largest(def, tensors, attrs), verify: () => verifyCalls(shown, run) };
    },
  };
}

const largest = (def: AnyOp, inputs: readonly Tensor[], attrs: unknown): number =>
  Math.max(inputs[0]!.size, ...def.infer(inputs, attrs).map((m) => sizeOf(m.shape)));

/** Forward and both gradients of one square convolution of one picture. */
function convolution(
  name: string,
  channels: number,
  filters: number,
  size: number,
  kernel: number,
  stride: number,
  groups = 1,
): Workload[] {
  const p = kernel >> 1;
  const attrs = { stride: [stride, stride], padding: [p, p, p, p], dilation: [1, 1], groups } as const;
  const x = [1, channels, size, size];
  const w = [filters, channels / groups, kernel, kernel];
  const out = Math.floor((size + 2 * p - kernel) / stride) + 1;
  const y = [1, filters, out, out];
  const flops = 2 * sizeOf(y) * (channels / groups) * kernel * kernel;
  const of = (rng: Rng, ...shapes: (readonly number[])[]): Tensor[] => shapes.map((shape) => randn(shape, rng));
  return [
    { name, def: conv2d.def, attrs, flops, inputs: (rng: Rng) => of(rng, x, w, [filters]) },
    { name, def: conv2dInputGrad.def, attrs: { ...attrs, inputSize: [size, size] }, flops, inputs: (rng: Rng) => of(rng, y, w) },
    { name, def: conv2dWeightGrad.def, attrs: { ...attrs, kernelSize: [kernel, kernel] }, flops, inputs: (rng: Rng) => of(rng, x, y) },
  ].map(row);
}

const MAP = [1, 16, 208, 208];
const map = (rng: Rng): Tensor => randn(MAP, rng);
const CODES = { qmin: 0, qmax: 255 };
const scales = (rng: Rng): Tensor => tensor(Array.from({ length: 16 }, () => rng.float(0.01, 0.1)));
const zeroPoints = (rng: Rng): Tensor => tensor(Array.from({ length: 16 }, () => rng.int(0, 255)));
const POOL = { kernel: [13, 13], stride: [1, 1], padding: [6, 6, 6, 6], dilation: [1, 1], ceilMode: false };

/** Single ops on shapes of small detectors. One more is one more entry here. */
export const operatorRows = (): Workload[] => [
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
  ...[relu, sigmoid, silu, exp].map(({ def }) => row({ name: "map", def, inputs: (rng) => [map(rng)] })),
  row({ name: "two maps", def: mul.def, inputs: (rng) => [map(rng), map(rng)] }),
  row({ name: "one per channel", def: add.def, inputs: (rng) => [map(rng), randn([1, 16, 1, 1], rng)] }),
  row({
    ...{ name: "per tensor", def: fakeQuant.def, attrs: { ...CODES, axis: null } },
    inputs: (rng) => [map(rng), tensor([0.05]), tensor([128])],
  }),
  row({
    ...{ name: "per channel", def: fakeQuant.def, attrs: { ...CODES, axis: 1 } },
    inputs: (rng) => [map(rng), scales(rng), zeroPoints(rng)],
  }),
  row({ name: "13x13, 128 x 13 x 13", def: maxPool2d.def, attrs: POOL, inputs: (rng) => [randn([1, 128, 13, 13], rng)] }),
  row({ name: "per channel", def: sum.def, attrs: { dim: [0, 2, 3], keepdim: false }, inputs: (rng) => [map(rng)] }),
  row({ name: "every second column", def: slice.def, attrs: { dim: 3, start: 0, end: 208, step: 2 }, inputs: (rng) => [map(rng)] }),
  row({ name: "channels last", def: permute.def, attrs: { perm: [0, 2, 3, 1] }, inputs: (rng) => [map(rng)] }),
];
