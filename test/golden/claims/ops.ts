import { foldBatchNorm } from "../../../src/nn/index.ts";
import type { Tensor } from "../../../src/tensor/index.ts";
import * as ops from "../../../src/tensor/index.ts";
import { type Claim, type Claims, differentiable, type LoadedCase } from "../runner.ts";

type Attrs = LoadedCase["attrs"];
type Options = { readonly dim?: number | readonly number[]; readonly keepdim?: boolean };

/** The attributes of a case as the options of one of our functions. */
const as = <T>(attrs: Attrs): T => attrs as T;

const unary = (f: (x: Tensor) => Tensor): Claim => differentiable(({ x }) => f(x));
const binary = (f: (a: Tensor, b: Tensor) => Tensor): Claim => differentiable(({ a, b }) => f(a, b));
const reduction = (f: (x: Tensor, options: Options) => Tensor): Claim => differentiable(({ x }, attrs) => f(x, as<Options>(attrs)));

const elementwise: Claims = {
  abs: unary(ops.abs),
  ceil: unary(ops.ceil),
  elu: differentiable(({ x }, attrs) => ops.elu(x, attrs)),
  erf: unary(ops.erf),
  gelu: differentiable(({ x }, attrs) => ops.gelu(x, attrs)),
  mish: unary(ops.mish),
  prelu: differentiable(({ x, w }) => ops.prelu(x, w)),
  cos: unary(ops.cos),
  exp: unary(ops.exp),
  expm1: unary(ops.expm1),
  floor: unary(ops.floor),
  hardsigmoid: unary(ops.hardsigmoid),
  hardswish: unary(ops.hardswish),
  leaky_relu: differentiable(({ x }, attrs) => ops.leakyRelu(x, attrs)),
  log: unary(ops.log),
  log1p: unary(ops.log1p),
  logsigmoid: unary(ops.logSigmoid),
  neg: unary(ops.neg),
  reciprocal: unary(ops.reciprocal),
  relu: unary(ops.relu),
  relu6: unary(ops.relu6),
  round: unary(ops.round),
  rsqrt: unary(ops.rsqrt),
  sigmoid: unary(ops.sigmoid),
  sign: unary(ops.sign),
  silu: unary(ops.silu),
  sin: unary(ops.sin),
  softplus: differentiable(({ x }, attrs) => ops.softplus(x, attrs)),
  sqrt: unary(ops.sqrt),
  square: unary(ops.square),
  tanh: unary(ops.tanh),
  clamp: differentiable(({ x }, attrs) => ops.clamp(x, attrs)),
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div),
  pow: binary(ops.pow),
  maximum: binary(ops.maximum),
  minimum: binary(ops.minimum),
  mul_self: differentiable(({ a }) => ops.mul(a, a)),
  outer: differentiable(({ a, b }) => ops.mul(ops.unsqueeze(a, { dim: 1 }), b)),
  pow_scalar: differentiable(({ a }, attrs) => ops.pow(a, as<{ exponent: number }>(attrs).exponent)),
  where: differentiable(({ cond, a, b }) => ops.where(cond, a, b)),
  masked_fill: differentiable(({ x, mask }, attrs) => ops.where(mask, as<{ value: number }>(attrs).value, x)),
};

const reductions: Claims = {
  sum: reduction(ops.sum),
  mean: reduction(ops.mean),
  amax: reduction(ops.amax),
  amin: reduction(ops.amin),
  logsumexp: reduction(ops.logSumExp),
  var: reduction((x, o) => ops.variance(x, o)),
  varBiased: reduction((x, o) => ops.variance(x, { ...o, correction: 0 })),
  std: reduction((x, o) => ops.std(x, o)),
  norm1: reduction((x, o) => ops.sum(ops.abs(x), o)),
  norm2: reduction((x, o) => ops.sqrt(ops.sum(ops.square(x), o))),
  prod: differentiable(({ x }, attrs) => {
    const { dim, keepdim } = as<{ dim?: number | readonly number[]; keepdim?: boolean }>(attrs);
    if (dim === undefined) return ops.prod(ops.flatten(x), { dim: 0 });
    return ops.prod(x, { dim: [dim].flat()[0], ...(keepdim === undefined ? {} : { keepdim }) });
  }),
  softmax: differentiable(({ x }, attrs) => ops.softmax(x, as(attrs))),
  log_softmax: differentiable(({ x }, attrs) => ops.logSoftmax(x, as(attrs))),
  topk: differentiable(({ x }, attrs) => {
    const [values, indices] = ops.topk(x, as(attrs));
    return { values, indices };
  }),
  sort: differentiable(({ x }, attrs) => {
    const [values, indices] = ops.sort(x, as(attrs));
    return { values, indices };
  }),
  max_dim: differentiable(({ x }, attrs) => best(x, as(attrs), true)[0]),
  argmax: ({ inputs, attrs }) => ({ outputs: { y: best(inputs.x, as(attrs), true)[1] } }),
  argmin: ({ inputs, attrs }) => ({ outputs: { y: best(inputs.x, as(attrs), false)[1] } }),
};

/** The best value along an axis and its index, as `topk` finds them. */
function best(x: Tensor, { dim, keepdim = false }: { dim: number; keepdim?: boolean }, largest: boolean): [Tensor, Tensor] {
  const [values, indices] = ops.topk(x, { k: 1, dim, largest });
  return keepdim ? [values, indices] : [ops.squeeze(values, { dim }), ops.squeeze(indices, { dim })];
}

/** Output names y0, y1, ... of a list. */
const numbered = (ys: readonly Tensor[]): Record<string, Tensor> => Object.fromEntries(ys.map((y, i) => [`y${i}`, y]));

const shapes: Claims = {
  reshape: differentiable(({ x }, attrs) => ops.reshape(x, as(attrs))),
  permute: differentiable(({ x }, attrs) => ops.permute(x, as(attrs))),
  permute_reshape: differentiable(({ x }, attrs) => ops.reshape(ops.permute(x, as(attrs)), as(attrs))),
  expand: differentiable(({ x }, attrs) => ops.expand(x, as(attrs))),
  flatten: differentiable(({ x }, attrs) => ops.flatten(x, as(attrs))),
  squeeze: differentiable(({ x }, attrs) => ops.squeeze(x, as(attrs))),
  unsqueeze: differentiable(({ x }, attrs) => ops.unsqueeze(x, as(attrs))),
  concat: differentiable((inputs, attrs) => ops.concat(Object.values(inputs), as(attrs))),
  stack: differentiable((inputs, attrs) => ops.stack(Object.values(inputs), as(attrs))),
  split: differentiable(({ x }, attrs) => numbered(ops.split(x, as(attrs)))),
  slice: differentiable(({ x }, attrs) => ops.slice(x, as(attrs))),
  pad: differentiable(({ x }, attrs) => ops.pad(x, as(attrs))),
  gather: differentiable(({ x, index }, attrs) => ops.gather(x, index, as(attrs))),
  scatter_add: differentiable(({ x, index, src }, attrs) => ops.scatterAdd(x, index, src, as(attrs))),
  index_select: differentiable(({ x, index }, attrs) => ops.indexSelect(x, index, as(attrs))),
  embedding: differentiable(({ w, index }) => ops.embedding(index, w)),
  scatter: differentiable(({ x, index, src }, attrs) => ops.scatter(x, index, src, as(attrs))),
  index_nd: differentiable(({ x, ...indices }, attrs) => ops.indexNd(x, Object.values(indices), as(attrs))),
  masked_select: differentiable(({ x, mask }) => ops.maskedSelect(x, mask)),
  one_hot: ({ inputs, attrs }) => ({ outputs: { y: ops.oneHot(inputs.index, as(attrs)) } }),
  chunk: differentiable(({ x }, attrs) => numbered(ops.chunk(x, as(attrs)))),
  repeat: differentiable(({ x }, attrs) => ops.repeat(x, as(attrs))),
  flip: differentiable(({ x }, attrs) => ops.flip(x, as(attrs))),
  roll: differentiable(({ x }, attrs) => ops.roll(x, as(attrs))),
  diagonal: differentiable(({ x }, attrs) => ops.diagonal(x, as(attrs))),
  tril: differentiable(({ x }, attrs) => ops.tril(x, as(attrs))),
  cumsum: differentiable(({ x }, attrs) => ops.cumsum(x, as(attrs))),
};

interface ResizeAttrs extends ops.InterpolateOptions {
  readonly scaleFactor?: number;
}

interface LayerNormAttrs {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
}

interface GroupNormAttrs {
  readonly groups: number;
  readonly eps: number;
}

const layers: Claims = {
  matmul: binary(ops.matmul),
  linear: differentiable(({ x, w, b }) => ops.linear(x, w, b)),
  conv2d: differentiable(({ x, w, b }, attrs) => ops.conv2d(x, w, { ...attrs, bias: b })),
  conv_transpose2d: differentiable(({ x, w, b }, attrs) => ops.convTranspose2d(x, w, { ...attrs, bias: b })),
  max_pool2d: differentiable(({ x }, attrs) => ops.maxPool2d(x, as(attrs))),
  conv1d: differentiable(({ x, w, b }, attrs) => ops.conv1d(x, w, { ...attrs, bias: b })),
  avg_pool2d: differentiable(({ x }, attrs) => ops.avgPool2d(x, as(attrs))),
  adaptive_avg_pool2d: differentiable(({ x }, attrs) => ops.adaptiveAvgPool2d(x, as(attrs))),
  adaptive_max_pool2d: differentiable(({ x }, attrs) => ops.adaptiveMaxPool2d(x, as(attrs))),
  grid_sample: differentiable(({ x, grid }, attrs) => ops.gridSample(x, grid, as(attrs))),
  layer_norm: differentiable(({ x, gamma, beta }, attrs) => ops.layerNorm(x, { ...as<LayerNormAttrs>(attrs), weight: gamma, bias: beta })),
  group_norm: differentiable(({ x, gamma, beta }, attrs) => ops.groupNorm(x, { ...as<GroupNormAttrs>(attrs), weight: gamma, bias: beta })),
  instance_norm: differentiable(({ x, gamma, beta }, attrs) => ops.instanceNorm(x, { ...attrs, weight: gamma, bias: beta })),
  interpolate: differentiable(({ x }, attrs) => {
    const { scaleFactor, ...options } = as<ResizeAttrs>(attrs);
    return ops.interpolate(x, scaleFactor === undefined ? options : { ...options, scales: scaleFactor });
  }),
  batch_norm: differentiable(batchNorm),
  fold_conv_bn: differentiable(foldedConv),
};

/** A convolution with the batch normalisation behind it merged into its weight and bias. */
function foldedConv({ w, b, gamma, beta, runningMean, runningVar, x }: LoadedCase["inputs"], attrs: Attrs): Record<string, Tensor> {
  const { eps, groups, transposed } = as<{ eps: number; groups: number; transposed: boolean }>(attrs);
  const statistics = { weight: gamma, bias: beta, mean: runningMean, variance: runningVar, epsilon: eps };
  const { weight, bias } = foldBatchNorm(w, b, statistics, transposed ? 1 : 0);
  const y = transposed ? ops.convTranspose2d(x, weight, { bias, groups }) : ops.conv2d(x, weight, { bias, groups });
  return { wFolded: weight, bFolded: bias, y };
}

interface BatchNormAttrs {
  readonly training: boolean;
  readonly eps: number;
  readonly momentum?: number;
}

/** In training the batch's own moments normalise, and the unbiased variance enters the running one. */
function batchNorm({ x, gamma, beta, runningMean, runningVar }: LoadedCase["inputs"], attrs: Attrs): Record<string, Tensor> {
  const { training, eps, momentum = 0.1 } = as<BatchNormAttrs>(attrs);
  if (!training) return { y: ops.batchNorm(x, gamma, beta, runningMean, runningVar, { eps }) };
  const dim = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const mean = ops.mean(x, { dim });
  const y = ops.batchNorm(x, gamma, beta, mean, ops.variance(x, { dim, correction: 0 }), { eps });
  if (!runningMean) return { y };
  const blend = (old: Tensor, now: Tensor) => ops.add(ops.mul(old, 1 - momentum), ops.mul(now, momentum));
  return { y, newRunningMean: blend(runningMean, mean), newRunningVar: blend(runningVar, ops.variance(x, { dim })) };
}

interface Step {
  readonly op: string;
  readonly in: readonly string[];
  readonly out: string;
}

/** The steps of a random program; v broadcasts over rows, m is a square matrix. */
const STEPS: Readonly<Record<string, (xs: readonly Tensor[], inputs: LoadedCase["inputs"]) => Tensor>> = {
  add: ([a, b]) => ops.add(a, b),
  sub: ([a, b]) => ops.sub(a, b),
  mul: ([a, b]) => ops.mul(a, b),
  div_safe: ([a, b]) => ops.div(a, ops.add(ops.square(b), 1)),
  add_v: ([a], { v }) => ops.add(a, v),
  mul_v: ([a], { v }) => ops.mul(a, v),
  matmul_m: ([a], { m }) => ops.matmul(a, m),
  center: ([a]) => ops.sub(a, ops.mean(a, { dim: 0, keepdim: true })),
  softmax: ([a]) => ops.softmax(a, { dim: -1 }),
  exp_neg_sq: ([a]) => ops.exp(ops.neg(ops.square(a))),
  silu: ([a]) => ops.silu(a),
  sigmoid: ([a]) => ops.sigmoid(a),
  tanh: ([a]) => ops.tanh(a),
  softplus: ([a]) => ops.softplus(a),
};

/** loss = sum_i mean(t_i) ((i mod 3) + 1) / 4 over the program's results. */
const graph = differentiable((inputs, attrs) => {
  const values = new Map<string, Tensor>(Object.entries(inputs));
  const results = as<{ program: readonly Step[] }>(attrs).program.map((step) => {
    const y = STEPS[step.op](
      step.in.map((name) => values.get(name) as Tensor),
      inputs,
    );
    values.set(step.out, y);
    return y;
  });
  const terms = results.map((t, i) => ops.mul(ops.mean(t), ((i % 3) + 1) / 4));
  return { loss: terms.reduce((a, b) => ops.add(a, b)), last: results[results.length - 1] };
});

/** Golden family `ops`, its tensor part: PyTorch in float64. */
export const claims: Claims = { ...elementwise, ...reductions, ...shapes, ...layers, graph };
