import { constant, foldIntoConvolution, type Operand } from "../../graph/index.ts";
import { add, batchNorm, conv2d, convTranspose2d, permute, reshape, type Tensor } from "../../tensor/index.ts";
import type { OperatorRow, TfCall } from "../call.ts";
import { writeFused } from "./fused.ts";
import { type Pads, samePads, spatialPair, windowPads } from "./window.ts";

/** A weight in our order. It keeps the file's name where nothing else reads it. */
function weightOf(call: TfCall, perm: readonly number[], shape?: readonly number[]): Operand {
  const stored = call.rows(1);
  if (stored.meta.shape.length !== 4) call.fail(`the weight must have 4 dimensions, got ${stored.meta.shape.length}`);
  const turned = call.emit("weight", permute, [stored], { perm: [...perm] });
  const ours = shape ? call.emit("weightShape", reshape, [turned], { shape }) : turned;
  return ours.value && call.readsAlone(1) ? constant(call.inputName(1), ours.value) : ours;
}

/** What Conv2D and its depthwise form share: the layer itself is written by `writeFused`. */
function writeConvolution(call: TfCall, weight: Operand, groups: number): void {
  const x = call.planes(0);
  const [stride, dilation] = [spatialPair(call, "strides"), spatialPair(call, "dilations")];
  const [, , height, width] = weight.meta.shape;
  const padding = windowPads(call, x.meta.shape.slice(2), [height, width], stride, dilation);
  writeFused(call, 2, true, (bias) => ({ op: conv2d, inputs: [x, weight, ...bias], attrs: { stride, padding, dilation, groups } }));
}

/** Weight [H,W,I,O]; fewer input channels in the weight than in the input mean groups. */
const conv = (op: string): OperatorRow => ({
  op,
  build(call) {
    const weight = weightOf(call, [3, 2, 0, 1]);
    const [channels, each] = [call.planes(0).meta.shape[1], weight.meta.shape[1]];
    if (each === 0 || channels % each !== 0) call.fail(`the input's ${channels} channels must be a multiple of the weight's, got ${each}`);
    writeConvolution(call, weight, channels / each);
  },
});

/** Weight [H,W,C,M]: output channel c M + m has filter m of input channel c. */
const depthwise = (op: string): OperatorRow => ({
  op,
  build(call) {
    const [height, width, channels, multiplier] = call.held(1).meta.shape;
    const weight = weightOf(call, [2, 3, 0, 1], [channels * multiplier, 1, height, width]);
    writeConvolution(call, weight, channels);
  },
});

/** Inputs: output shape [N,H,W,C], weight [H,W,O,I], x. */
const transposed: OperatorRow = {
  op: "Conv2DBackpropInput",
  build(call) {
    const [, height, width] = call.numbers(0);
    const [x, weight] = [call.planes(2), weightOf(call, [3, 2, 0, 1])];
    const stride = spatialPair(call, "strides");
    const kernel: [number, number] = [weight.meta.shape[2], weight.meta.shape[3]];
    const mode = call.attributes.string("padding", "SAME");
    const forward: Pads = mode === "SAME" ? samePads([height, width], kernel, stride, [1, 1]) : [0, 0, 0, 0];
    const size = (i: number): number => (x.meta.shape[2 + i] - 1) * stride[i] + kernel[i] - forward[2 * i] - forward[2 * i + 1];
    const outputPadding: [number, number] = [height - size(0), width - size(1)];
    call.writePlanes(convTranspose2d, [x, weight], { stride, padding: forward, dilation: [1, 1], groups: 1, outputPadding });
  },
};

/** The bias joins the convolution that writes the input where nothing else reads that. */
const biasAdd: OperatorRow = {
  op: "BiasAdd",
  build(call) {
    if (call.held(0).meta.shape.length !== 4) return call.write(add, [call.rows(0), call.rows(1)], {});
    const x = call.planes(0);
    const { builder } = call;
    const node = builder.producerOf(x.name);
    const bias = call.rows(1);
    if (node?.op === conv2d.def && node.inputs.length === 2 && bias.value && builder.readersOf(x.name) === 1) {
      const output = call.claimPlanes(x.meta);
      builder.parameters.set(bias.name, bias.value);
      builder.replace(node, { ...node, inputs: [...node.inputs, bias.name], outputs: [output] });
      return undefined;
    }
    return call.writePlanes(add, [x, call.broadcastPlanes(1)], {});
  },
};

/** Inputs: x, scale, offset, mean, variance; the form for inference. */
const batchNormalization = (op: string): OperatorRow => ({
  op,
  build(call) {
    if (call.node.attr.is_training !== undefined && call.attributes.bool("is_training")) call.fail("is_training must be false, got true");
    const x = call.planes(0);
    const [weight, bias, mean, variance] = [1, 2, 3, 4].map((i) => call.constant(i));
    normalize(call, x, { weight, bias, mean, variance });
  },
});

function normalize(call: TfCall, x: Operand, known: { weight: Tensor; bias: Tensor; mean: Tensor; variance: Tensor }): void {
  const epsilon = call.attributes.float("epsilon", Math.fround(1e-4));
  const channels = x.meta.shape[1];
  for (const t of Object.values(known)) {
    if (t.size !== channels) call.fail(`scale, offset, mean and variance must have ${channels} entries, got ${t.size}`);
  }
  if (known.variance.data.some((v: number) => !(v + epsilon > 0)))
    call.fail("variance + epsilon must be positive, got a value that is not");
  const output = call.planesName();
  if (foldIntoConvolution(call.builder, x, { ...known, epsilon }, { output, bias: call.inputName(2) })) call.claimPlanes(x.meta);
  else call.writePlanes(batchNorm, [x, ...[1, 2, 3, 4].map((i) => call.rows(i))], { eps: epsilon });
}

export const convolutionRows: readonly OperatorRow[] = [
  conv("Conv2D"),
  conv("_FusedConv2D"),
  depthwise("DepthwiseConv2dNative"),
  depthwise("FusedDepthwiseConv2dNative"),
  transposed,
  biasAdd,
  batchNormalization("FusedBatchNorm"),
  batchNormalization("FusedBatchNormV2"),
  batchNormalization("FusedBatchNormV3"),
];
