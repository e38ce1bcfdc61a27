import { describe, expect, it } from "vitest";
import { CenterNet } from "../../src/detect/index.ts";
import {
  Activation,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool2d,
  AvgPool2d,
  BatchNorm,
  Conv1d,
  Conv2d,
  Embedding,
  GlobalAvgPool,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  Linear,
  MaxPool2d,
  type Module,
  PRelu,
  parameters,
  RmsNorm,
  Sequential,
  submodules,
  tapFrom,
  Upsample,
  withParameters,
} from "../../src/nn/index.ts";
import { Rng, randn, relu, Tensor, type Tensor as TensorType, tensor } from "../../src/tensor/index.ts";

const rng = new Rng(1);
const image = randn([2, 4, 16, 16], rng.split("image"));

/** Every module of the library with an input it takes. */
const MODULES: Readonly<Record<string, { module: Module<unknown>; x: TensorType }>> = {
  conv2d: { module: Conv2d.init(4, 6, 3, rng, { stride: 2, padding: 1, groups: 2 }), x: image },
  "conv2d without bias": { module: Conv2d.init(4, 6, 1, rng, { bias: false }), x: image },
  linear: { module: Linear.init(5, 3, rng), x: randn([4, 5], rng) },
  activation: { module: new Activation(relu), x: image },
  maxPool2d: { module: new MaxPool2d({ kernel: 2 }), x: image },
  avgPool2d: { module: new AvgPool2d({ kernel: 3, stride: 2, padding: 1 }), x: image },
  globalAvgPool: { module: new GlobalAvgPool(), x: image },
  adaptiveAvgPool2d: { module: new AdaptiveAvgPool2d([3, 5]), x: image },
  adaptiveMaxPool2d: { module: new AdaptiveMaxPool2d(4), x: image },
  conv1d: { module: Conv1d.init(4, 6, 3, rng, { stride: 2, padding: 1, groups: 2 }), x: randn([2, 4, 9], rng) },
  "conv1d without bias": { module: Conv1d.init(4, 6, 1, rng, { bias: false }), x: randn([2, 4, 9], rng) },
  prelu: { module: PRelu.init(4), x: image },
  layerNorm: { module: LayerNorm.init([16, 16], { eps: 1e-3 }), x: image },
  groupNorm: { module: GroupNorm.init(2, 4), x: image },
  instanceNorm: { module: InstanceNorm.init(4), x: image },
  rmsNorm: { module: RmsNorm.init([16]), x: image },
  embedding: {
    module: Embedding.init(5, 3, rng),
    x: tensor(
      [
        [0, 4],
        [1, 1],
      ],
      undefined,
      "i32",
    ),
  },
  upsample: { module: new Upsample(2), x: image },
  "batchNorm in training": { module: BatchNorm.init(4, { training: true }), x: image },
  batchNorm: { module: BatchNorm.init(4), x: image },
  sequential: { module: new Sequential([Conv2d.init(4, 4, 3, rng), BatchNorm.init(4), new Activation(relu)]), x: image },
  centerNet: { module: CenterNet.init({ classes: 2, widths: [4, 4, 8, 8], norm: true }, rng), x: randn([1, 3, 32, 32], rng) },
};

/** Output tensors in a fixed order. */
const outputs = (value: unknown): Tensor[] => (value instanceof Tensor ? [value] : Object.values(value as Record<string, Tensor>));

describe.each(Object.entries(MODULES))("module %s", (_, { module, x }) => {
  it("is frozen, with every part of it", () => {
    for (const part of submodules(module).values()) expect(Object.isFrozen(part)).toBe(true);
  });

  it("with its own parameters computes the same", () => {
    const copy = withParameters(module, parameters(module));
    expect([...parameters(copy)]).toEqual([...parameters(module)]);
    expect(outputs(copy.forward(x))).toEqual(outputs(module.forward(x)));
  });

  it("computes the same under a tap that changes nothing", () => {
    const watched = module.forward(
      x,
      tapFrom((_path, _slot, t) => t),
    );
    expect(outputs(watched)).toEqual(outputs(module.forward(x)));
  });

  it("announces every site once, and every parameter where it is used", () => {
    const seen: string[] = [];
    const tensors = new Map<Tensor, string>();
    module.forward(
      x,
      tapFrom((path, slot, t) => {
        seen.push(`${path}/${slot}`);
        tensors.set(t, `${path}.${slot}`.replace(/^\./, ""));
        return t;
      }),
    );
    expect(seen).toEqual([...new Set(seen)]);
    const used = [...parameters(module)].filter(([name]) => !name.includes("running"));
    for (const [name, value] of used) expect(tensors.get(value)).toBe(name);
  });

  it("goes on with what the tap returns", () => {
    const changed = module.forward(
      x,
      tapFrom((_path, slot, t) => (slot === "output" ? new Tensor(t.shape, t.dtype, new Float32Array(t.size).fill(3)) : t)),
    );
    const [first] = outputs(changed);
    expect([...first.data].every((v) => v === 3)).toBe(true);
  });
});
