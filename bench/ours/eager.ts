import { readFileSync } from "node:fs";
import { join } from "node:path";
import { record } from "../../src/autograd/index.ts";
import { expectationMaximization } from "../../src/em/index.ts";
import { loadModel } from "../../src/job/index.ts";
import { Activation, adam, bceWithLogits, Conv2d, descend, parameters, Sequential, withParameters } from "../../src/nn/index.ts";
import { conv2d, fakeQuant, matmul, relu, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import type { Inputs, SpecOf } from "../problems.ts";
import type { Outputs, Solution, Solver } from "../solver.ts";

/** A solution from one function of nothing to tensors. */
export const solution = (call: () => readonly (Tensor | undefined)[]): Solution => ({
  run: call,
  outputs: () => call().map((y) => y!.data),
});

/** The network of the train step, with the given weights and biases 0. */
export const networkOf = ({ layers }: SpecOf<"train">, inputs: Inputs): Sequential =>
  new Sequential(
    layers.flatMap(({ outputs, kernel, stride }, i) => {
      const layer = new Conv2d(inputs[`w${i}`]!, zeros([outputs]), { stride, padding: kernel >> 1 });
      return i === layers.length - 1 ? [layer] : [layer, new Activation(relu)];
    }),
  );

/** Losses of a descent: that of the next step, and those of the first steps from the start. */
export function trainingOf(start: () => ReturnType<typeof descend>, { steps }: SpecOf<"train">): Solution {
  const step = (going: ReturnType<typeof start>): number => {
    const { value, done } = going.next();
    return done ? Number.NaN : value.loss;
  };
  const going = start();
  return {
    run: () => step(going),
    outputs() {
      const fresh = start();
      return [Array.from({ length: steps }, () => step(fresh))];
    },
  };
}

function train(spec: SpecOf<"train">, inputs: Inputs): Solution {
  const net = networkOf(spec, inputs);
  const { x, y } = inputs as { x: Tensor; y: Tensor };
  const start = () =>
    descend((params) => bceWithLogits(withParameters(net, params).forward(x), y), parameters(net), {
      ...{ optimizer: adam(), lr: spec.lr, steps: 1e9 },
    });
  return trainingOf(start, spec);
}

/** Convolutions with ReLU, one after another. */
export function stackOf({ layers }: SpecOf<"stack">, inputs: Inputs, x: Tensor): Tensor {
  let y = x;
  for (let i = 0; i < layers; i++) y = relu(conv2d(y, inputs[`w${i}`]!, { bias: inputs[`b${i}`], padding: 1 }));
  return y;
}

/** The largest code of symmetric weights. */
export const largestCode = ({ weightBits }: SpecOf<"stackInt8">): number => 2 ** (weightBits - 1) - 1;

/** Symmetric scale of each output channel. */
export function weightScales(spec: SpecOf<"stackInt8">, { shape, data, size }: Tensor): Tensor {
  const largest = new Float32Array(shape[0]!);
  const inner = size / largest.length;
  for (let i = 0; i < size; i++) {
    const c = Math.floor(i / inner);
    largest[c] = Math.max(largest[c]!, Math.abs(data[i]!));
  }
  return tensor(largest.map((v) => v / largestCode(spec)));
}

/** Scale and zero point of the codes before each layer and at the end: signed values only at the start. */
export const activationCodes = ({ ranges }: SpecOf<"stackInt8">): readonly { scale: number; zeroPoint: number }[] =>
  ranges.map((range, i) => ({ scale: Math.fround(range / 127), zeroPoint: i === 0 ? 128 : 0 }));

/** Simulated in f32: quantized values, float arithmetic. */
function simulatedStack(spec: SpecOf<"stackInt8">, inputs: Inputs): Solution {
  const weights = Array.from({ length: spec.layers }, (_, i) => {
    const w = inputs[`w${i}`]!;
    const scale = weightScales(spec, w);
    return fakeQuant(w, scale, zeros([scale.size]), { qmin: -largestCode(spec), qmax: largestCode(spec), axis: 0 });
  });
  const quantizers = activationCodes(spec).map(({ scale, zeroPoint }) => {
    const [s, z] = [tensor([scale]), tensor([zeroPoint])];
    return (y: Tensor): Tensor => fakeQuant(y, s, z, { qmin: 0, qmax: 255 });
  });
  const layer = (y: Tensor, w: Tensor, i: number): Tensor => quantizers[i + 1]!(relu(conv2d(y, w, { bias: inputs[`b${i}`], padding: 1 })));
  return solution(() => [weights.reduce(layer, quantizers[0]!(inputs.x!))]);
}

/** Weights, means and standard deviations, in that order. */
function gmm({ iterations, means }: SpecOf<"gmm">, { x }: Inputs): Solution {
  const scores = x!.data as Float64Array;
  const start = { weights: [0.5, 0.5], means: [means[0]!, means[1]!], variances: [1, 1] } as const;
  const call = (): Outputs => {
    const { final } = expectationMaximization(scores, start, { iterations });
    return [final.weights, final.means, final.variances.map(Math.sqrt)];
  };
  return { run: call, outputs: call };
}

function model({ file }: SpecOf<"model">, { x }: Inputs): Solution | string {
  const data = process.env.INLIERQ_DATA;
  if (!data) return "INLIERQ_DATA is not set";
  const { graph } = loadModel(readFileSync(join(data, "models", file)), file);
  return solution(() => Object.values(graph.forward(x!)));
}

/** The public functions of the library, as a user calls them. */
export const eager: Solver = {
  matmul: (_, { a, b }) => solution(() => [matmul(a!, b!)]),
  conv: ({ kernel, groups }, { x, w, b }) => solution(() => [conv2d(x!, w!, { bias: b, padding: kernel >> 1, groups })]),
  convGrad: ({ kernel, groups }, { x, w, b, g }) =>
    solution(() => {
      const { value, tape } = record(() => conv2d(x!, w!, { bias: b, padding: kernel >> 1, groups }));
      return tape.vjp(value, [x!, w!, b!], g);
    }),
  fakeQuant({ scale, qmin, qmax }, { x }) {
    const [s, z] = [tensor([scale]), tensor([0])];
    return solution(() => [fakeQuant(x!, s, z, { qmin, qmax })]);
  },
  lsq({ scale, qmin, qmax }, { x, g }) {
    const [s, z] = [tensor([scale]), tensor([0])];
    return solution(() => {
      const { value, tape } = record(() => fakeQuant(x!, s, z, { qmin, qmax }));
      return [value, ...tape.vjp(value, [x!, s], g)];
    });
  },
  gmm,
  train,
  stack: (spec, inputs) => solution(() => [stackOf(spec, inputs, inputs.x!)]),
  stackInt8: simulatedStack,
  model,
};
