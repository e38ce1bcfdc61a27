import {
  adam,
  adamW,
  bce,
  bceWithLogits,
  type CrossEntropyOptions,
  centernetFocalLoss,
  centernetRegL1Loss,
  ciouLoss,
  clipGradNorm,
  constant,
  cosine,
  crossEntropy,
  diouLoss,
  exponential,
  fans,
  gain,
  giouLoss,
  huberLoss,
  initialState,
  kaimingBound,
  kaimingStd,
  klDiv,
  l1Loss,
  milestones,
  minimize,
  mseLoss,
  type Nonlinearity,
  type Optimizer,
  optimizerStep,
  rmsprop,
  type Schedule,
  sgd,
  sigmoidFocalLoss,
  smoothL1Loss,
  stepwise,
  warmup,
  xavierBound,
  xavierStd,
} from "../../../src/nn/index.ts";
import { allocate, matmul, mul, scalar, square, sum, Tensor, tensor } from "../../../src/tensor/index.ts";
import { type Claim, type Claims, differentiable, type LoadedCase } from "../runner.ts";

/** Attributes carry the option names of our functions. */
const options = <T>(attrs: LoadedCase["attrs"]): T => attrs as T;

type Loss<O> = (x: Tensor, t: Tensor, o: O) => Tensor;
const loss = <O>(f: Loss<O>): Claim => differentiable(({ x, t }, attrs) => f(x, t, options<O>(attrs)));

const losses: Claims = {
  mse_loss: loss(mseLoss),
  l1_loss: loss(l1Loss),
  smooth_l1_loss: loss(smoothL1Loss),
  huber_loss: loss(huberLoss),
  bce_with_logits: differentiable(({ x, t }, attrs, { dtype }) => {
    const { posWeight, ...rest } = options<{ posWeight?: number | readonly number[]; reduction?: "mean" }>(attrs);
    if (posWeight === undefined) return bceWithLogits(x, t, rest);
    return bceWithLogits(x, t, { ...rest, posWeight: typeof posWeight === "number" ? posWeight : tensor(posWeight, undefined, dtype) });
  }),
  bce: loss(bce),
  cross_entropy: differentiable(({ x, t, weight }, attrs) =>
    crossEntropy(x, t, { ...options<CrossEntropyOptions>(attrs), ...(weight && { weight }) }),
  ),
  sigmoid_focal_loss: loss(sigmoidFocalLoss),
  kl_div: differentiable(({ logp, t }, attrs) => klDiv(logp, t, options(attrs))),
  centernet_focal_loss: loss(centernetFocalLoss),
  centernet_reg_l1_loss: differentiable(({ x, ind, mask, t }) => centernetRegL1Loss(x, ind, mask, t)),
  giou_loss: loss(giouLoss),
  diou_loss: loss(diouLoss),
  ciou_loss: loss(ciouLoss),
};

/** Applies the case's gradients one after another; the trajectory stacks the parameter after each step. */
function trajectory(make: (o: object) => Optimizer): Claim {
  return ({ attrs, inputs: { p0, gradients } }) => {
    const { lr, ...rest } = options<{ lr: number }>(attrs);
    const optimizer = make(rest);
    const out = allocate(p0.dtype, gradients.size);
    let params: ReadonlyMap<string, Tensor> = new Map([["p", p0]]);
    let state = initialState();
    for (let i = 0; i < gradients.shape[0]; i++) {
      const g = new Tensor(p0.shape, p0.dtype, gradients.data.slice(i * p0.size, (i + 1) * p0.size));
      ({ params, state } = optimizerStep(optimizer, params, new Map([["p", g]]), state, lr));
      out.set(params.get("p")!.data, i * p0.size);
    }
    return { outputs: { trajectory: new Tensor(gradients.shape, p0.dtype, out) } };
  };
}

interface ScheduleAttrs {
  readonly schedule: string;
  readonly baseLr: number;
  readonly tMax: number;
  readonly etaMin: number;
  readonly stepSize: number;
  readonly gamma: number;
  readonly milestones: readonly number[];
  readonly startFactor: number;
  readonly totalIters: number;
}

const SCHEDULES: Readonly<Record<string, (a: ScheduleAttrs) => Schedule>> = {
  cosine: (a) => cosine(a.baseLr, a.tMax, a.etaMin),
  step: (a) => stepwise(a.baseLr, a.stepSize, a.gamma),
  multistep: (a) => milestones(a.baseLr, a.milestones, a.gamma),
  exponential: (a) => exponential(a.baseLr, a.gamma),
  linear_warmup: (a) => warmup(constant(a.baseLr), a.totalIters, a.startFactor),
};

/** Momentum SGD on 0.05 |A p|², through the library's own loop. */
const schedule: Claim = ({ attrs, raw, inputs: { p0, A }, dtype }) => {
  const a = options<ScheduleAttrs>(attrs);
  const steps = raw.outputs!.lr.shape[0];
  const lr = allocate(dtype, steps);
  const path = allocate(dtype, steps * p0.size);
  const objective = (params: ReadonlyMap<string, Tensor>) => mul(sum(square(matmul(A, params.get("p")!))), 0.05);
  const { losses: values } = minimize(
    objective,
    new Map([["p", p0]]),
    { optimizer: sgd({ momentum: 0.9 }), lr: SCHEDULES[a.schedule](a), steps },
    ({ step, lr: used, params }) => {
      lr[step] = used;
      path.set(params.get("p")!.data, step * p0.size);
    },
  );
  return {
    outputs: {
      lr: new Tensor([steps], dtype, lr),
      trajectory: new Tensor([steps, p0.size], dtype, path),
      loss: tensor([...values], undefined, dtype),
    },
  };
};

const clipping: Claim = ({ attrs, inputs: { g0, g1 }, dtype }) => {
  const { maxNorm, eps } = options<{ maxNorm: number; eps: number }>(attrs);
  const { grads, norm } = clipGradNorm(
    new Map([
      ["g0", g0],
      ["g1", g1],
    ]),
    maxNorm,
    eps,
  );
  return { outputs: { total: scalar(norm, dtype), c0: grads.get("g0")!, c1: grads.get("g1")! } };
};

const bounds: Claim = ({ attrs, dtype }) => {
  const { shape, nonlinearity: name, a: slope } = options<{ shape: readonly number[]; nonlinearity: string; a?: number }>(attrs);
  const nonlinearity = (name === "leaky_relu" ? "leakyRelu" : name) as Nonlinearity;
  const kaiming = { nonlinearity, ...(slope !== undefined && { slope }) };
  const factor = gain(nonlinearity, slope);
  const { fanIn, fanOut } = fans(shape);
  const real = (v: number) => scalar(v, dtype);
  return {
    outputs: {
      gain: real(factor),
      fanIn: scalar(fanIn, "i32"),
      fanOut: scalar(fanOut, "i32"),
      kaimingUniformBoundFanIn: real(kaimingBound(shape, kaiming)),
      kaimingNormalStdFanIn: real(kaimingStd(shape, kaiming)),
      kaimingUniformBoundFanOut: real(kaimingBound(shape, { ...kaiming, mode: "fanOut" })),
      kaimingNormalStdFanOut: real(kaimingStd(shape, { ...kaiming, mode: "fanOut" })),
      xavierUniformBound: real(xavierBound(shape, factor)),
      xavierNormalStd: real(xavierStd(shape, factor)),
    },
  };
};

export const claims: Claims = {
  ...losses,
  optim_sgd: trajectory(sgd),
  optim_adam: trajectory(adam),
  optim_adamw: trajectory(adamW),
  optim_rmsprop: trajectory(rmsprop),
  lr_schedule: schedule,
  clip_grad_norm: clipping,
  init_bounds: bounds,
};
