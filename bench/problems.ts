import { Rng, randn, type Tensor, tensor, uniform } from "../src/tensor/index.ts";

/** Sizes of a square convolution with padding kernel / 2 and stride 1. */
export interface ConvSizes {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly kernel: number;
  readonly groups: number;
}

/** A convolution of the network that is trained. */
export interface TrainLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
}

/** What is computed, as data: an engine solves the kinds it can, from the inputs named beside each. */
export type Spec =
  /** a [n,n], b [n,n] → a b */
  | { readonly kind: "matmul"; readonly n: number }
  /** x, w, b → convolution */
  | ({ readonly kind: "conv" } & ConvSizes)
  /** x, w, b, g → the convolution is computed; gradients of x, w and b for the cotangent g */
  | ({ readonly kind: "convGrad" } & ConvSizes)
  /** x → clamp(rne(x / scale), qmin, qmax) · scale */
  | ({ readonly kind: "fakeQuant" } & Codes)
  /** x, g → the same, its straight-through gradient of x and the LSQ gradient of the scale (Esser et al. 2020, unscaled) */
  | ({ readonly kind: "lsq" } & Codes)
  /** x (f64) → weights, means and standard deviations of two normals after EM from the given start */
  | { readonly kind: "gmm"; readonly iterations: number; readonly means: readonly number[] }
  /** x, y, w0.. (biases 0) → losses (mean binary cross-entropy of logits) of the first steps of Adam */
  | { readonly kind: "train"; readonly layers: readonly TrainLayer[]; readonly lr: number; readonly steps: number }
  /** x, w0.., b0.. → 3x3 convolutions with ReLU, one after another */
  | ({ readonly kind: "stack"; readonly layers: number } & ConvSizes)
  /** The same in u8 activations and symmetric weights; `ranges` are the largest |activations| before each layer and at the end */
  | ({ readonly kind: "stackInt8"; readonly layers: number; readonly weightBits: number; readonly ranges: readonly number[] } & ConvSizes)
  /** x → outputs of an ONNX file in INLIERQ_DATA/models */
  | { readonly kind: "model"; readonly file: string }
  /** The same, quantized to 8 bits after seeing so many pictures of INLIERQ_DATA/coco-calib64 */
  | { readonly kind: "modelInt8"; readonly file: string; readonly pictures: number };

/** A fake-quantizer of the whole tensor, zero point 0. */
interface Codes {
  readonly scale: number;
  readonly qmin: number;
  readonly qmax: number;
}

export type Kind = Spec["kind"];
export type SpecOf<K extends Kind> = Extract<Spec, { readonly kind: K }>;
export type Inputs = Readonly<Record<string, Tensor>>;

/** A workload that we and the peers are given alike. */
export interface Problem {
  readonly id: string;
  readonly spec: Spec;
  /** Floating-point operations of a call; 0 where time per element says more. */
  readonly flops: number;
  /** Elements that pass in a call. */
  readonly elements: number;
  /** How far a peer's output may lie from ours, as a share of the mean magnitude. */
  readonly tolerance: number;
  /** Seeded. */
  inputs(): Inputs;
}

const CONVOLUTIONS = {
  "conv 3x3 a": { batch: 8, inputs: 16, outputs: 32, size: 64, kernel: 3, groups: 1 },
  "conv 3x3 b": { batch: 8, inputs: 64, outputs: 64, size: 32, kernel: 3, groups: 1 },
  "conv 3x3 c": { batch: 1, inputs: 64, outputs: 64, size: 56, kernel: 3, groups: 1 },
  "conv 1x1": { batch: 8, inputs: 64, outputs: 128, size: 32, kernel: 1, groups: 1 },
  "conv depthwise": { batch: 8, inputs: 64, outputs: 64, size: 32, kernel: 3, groups: 64 },
} as const satisfies Record<string, ConvSizes>;
const STACK = CONVOLUTIONS["conv 3x3 b"];
const LAYERS: readonly TrainLayer[] = [
  { inputs: 3, outputs: 16, kernel: 3, stride: 2 },
  { inputs: 16, outputs: 32, kernel: 3, stride: 2 },
  { inputs: 32, outputs: 64, kernel: 3, stride: 1 },
  { inputs: 64, outputs: 3, kernel: 1, stride: 1 },
];
const CODES: Codes = { scale: Math.fround(0.03), qmin: -128, qmax: 127 };
const MILLIONS_8 = 8 * 2 ** 20;

/** Uniform in ±half. */
const even = (id: string, name: string, shape: readonly number[], half = 0.5): Tensor =>
  uniform(shape, new Rng(`bench/${id}/${name}`), -half, half);
/** Weights and a bias under which activations keep their size through layers with ReLU. */
const weightOf = (id: string, name: string, { outputs, inputs, groups, kernel }: Omit<ConvSizes, "batch" | "size">): Tensor =>
  even(id, name, [outputs, inputs / groups, kernel, kernel], Math.sqrt((6 * groups) / (inputs * kernel ** 2)));

const matmul = (n: number): Problem => ({
  id: `sgemm ${n}`,
  spec: { kind: "matmul", n },
  flops: 2 * n ** 3,
  elements: n ** 2,
  tolerance: 1e-4,
  inputs: () => ({ a: even(`sgemm ${n}`, "a", [n, n]), b: even(`sgemm ${n}`, "b", [n, n]) }),
});

const macsOf = ({ batch, inputs, outputs, size, kernel, groups }: ConvSizes): number =>
  (batch * outputs * size ** 2 * inputs * kernel ** 2) / groups;
const mapOf = ({ batch, outputs, size }: ConvSizes): number[] => [batch, outputs, size, size];
const convInputs = (id: string, s: ConvSizes): Inputs => ({
  x: even(id, "x", [s.batch, s.inputs, s.size, s.size]),
  w: weightOf(id, "w", s),
  b: even(id, "b", [s.outputs]),
});

const conv = (id: keyof typeof CONVOLUTIONS): Problem => {
  const sizes = CONVOLUTIONS[id];
  const elements = mapOf(sizes).reduce((a, b) => a * b);
  return { id, spec: { kind: "conv", ...sizes }, flops: 2 * macsOf(sizes), elements, tolerance: 1e-4, inputs: () => convInputs(id, sizes) };
};

const convGrad = (of: keyof typeof CONVOLUTIONS): Problem => {
  const id = `${of} forward+backward`;
  const sizes = CONVOLUTIONS[of];
  return {
    ...{ id, spec: { kind: "convGrad", ...sizes }, flops: 6 * macsOf(sizes), elements: conv(of).elements, tolerance: 1e-3 },
    inputs: () => ({ ...convInputs(id, sizes), g: even(id, "g", mapOf(sizes)) }),
  };
};

/** Arithmetic differs between engines (x · (1/s) against x / s, sums of 8 million terms in f32): the tolerance says by how much. */
const quantizers: readonly Problem[] = [
  {
    ...{ id: "fake-quant 8M", spec: { kind: "fakeQuant", ...CODES }, flops: 0, elements: MILLIONS_8, tolerance: 1e-4 },
    inputs: () => ({ x: even("fake-quant", "x", [MILLIONS_8], 4) }),
  },
  {
    ...{ id: "LSQ 8M forward+backward", spec: { kind: "lsq", ...CODES }, flops: 0, elements: MILLIONS_8, tolerance: 2e-3 },
    inputs: () => ({ x: even("fake-quant", "x", [MILLIONS_8], 4), g: even("fake-quant", "g", [MILLIONS_8]) }),
  },
];

const SCORES = 1e6;
const ITERATIONS = 50;
const gmm: Problem = {
  id: "GMM EM 1e6 x 50",
  spec: { kind: "gmm", iterations: ITERATIONS, means: [-1, 1] },
  flops: 0,
  elements: SCORES * ITERATIONS,
  tolerance: 1e-8,
  inputs() {
    const rng = new Rng("bench/gmm");
    const x = randn([SCORES], rng, 1, "f64");
    for (let i = 0; i < SCORES; i++) x.data[i] = rng.float() < 0.4 ? 0.7 * x.data[i]! - 1.5 : 1.2 * x.data[i]! + 1;
    return { x };
  },
};

const train: Problem = {
  id: "train step",
  spec: { kind: "train", layers: LAYERS, lr: 1e-3, steps: 5 },
  flops: 0,
  elements: 8 * 3 * 128 * 128,
  tolerance: 1e-4,
  inputs() {
    const y = even("train", "y", [8, 3, 32, 32]).data.map((v) => (v > 0 ? 1 : 0));
    const weights = LAYERS.map((layer, i) => [`w${i}`, weightOf("train", `w${i}`, { ...layer, groups: 1 })] as const);
    return { x: even("train", "x", [8, 3, 128, 128]), y: tensor(y, [8, 3, 32, 32]), ...Object.fromEntries(weights) };
  },
};

const DEPTH = 4;
/** A rounding that falls the other way moves an activation by a whole code: integer outputs are held to a wider tolerance. */
const stackInputs = (): Inputs => ({
  x: even("stack", "x", mapOf(STACK), 1),
  ...Object.fromEntries(Array.from({ length: DEPTH }, (_, i) => [`w${i}`, weightOf("stack", `w${i}`, STACK)])),
  ...Object.fromEntries(Array.from({ length: DEPTH }, (_, i) => [`b${i}`, even("stack", `b${i}`, [STACK.outputs], 0.1)])),
});
const stack = (id: string, spec: Spec, tolerance: number): Problem => ({
  ...{ id, spec, flops: 2 * DEPTH * macsOf(STACK), elements: conv("conv 3x3 b").elements, tolerance, inputs: stackInputs },
});
const stacks: readonly Problem[] = [
  stack("stack of 4 conv b", { kind: "stack", layers: DEPTH, ...STACK }, 1e-4),
  ...[8, 4].map((weightBits) =>
    stack(`stack of 4 conv b, W${weightBits}A8`, { kind: "stackInt8", layers: DEPTH, weightBits, ranges: [1, 2, 2, 2, 2], ...STACK }, 0.2),
  ),
];

const SIDE = 416;
const yolox: Problem = {
  id: "yolox-nano-416",
  spec: { kind: "model", file: "yolox-nano-416.onnx" },
  flops: 0,
  elements: 3 * SIDE ** 2,
  tolerance: 1e-3,
  inputs: () => ({ x: uniform([1, 3, SIDE, SIDE], new Rng("bench/yolox"), 0, 255) }),
};

/**
 * A code that falls the other way moves what is behind it, by up to its scale, which is large against the mean of outputs
 * that are nearly all small. So the outputs only tell a network from another; equal codes are proved before that.
 */
const yoloxInt8: Problem = {
  ...yolox,
  id: "yolox-nano-416, W8A8",
  spec: { kind: "modelInt8", file: "yolox-nano-416.onnx", pictures: 4 },
  tolerance: 2,
};

/** Every problem. One more is one more entry here; `ours/variants.ts` and the peers solve it where they know its kind. */
export const PROBLEMS: readonly Problem[] = [
  ...[64, 256, 512, 1024].map(matmul),
  ...(Object.keys(CONVOLUTIONS) as (keyof typeof CONVOLUTIONS)[]).map(conv),
  convGrad("conv 3x3 a"),
  convGrad("conv 3x3 b"),
  train,
  ...quantizers,
  gmm,
  ...stacks,
  yolox,
  yoloxInt8,
];
