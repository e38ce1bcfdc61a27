import { fisherDiag, fisherFull } from "../../../src/quant/objective/fisherDiag.ts";
import { inlierFisher } from "../../../src/quant/objective/inlierFisher.ts";
import { mse as reconstruction } from "../../../src/quant/objective/mse.ts";
import { minmax } from "../../../src/quant/observer/minmax.ts";
import { movingAverage } from "../../../src/quant/observer/movingAverage.ts";
import { mse } from "../../../src/quant/observer/mse.ts";
import type { Observer } from "../../../src/quant/observer/observer.ts";
import { percentile } from "../../../src/quant/observer/percentile.ts";
import { adaround, betaAt, initialRounding, roundingRegularizer, softRounding } from "../../../src/quant/quantizer/adaround.ts";
import { uniformAffine } from "../../../src/quant/quantizer/uniformAffine.ts";
import { chooseQParams, makeScheme, type QParams, type Range, type Scheme } from "../../../src/quant/scheme.ts";
import { sqnr } from "../../../src/quant/sqnr.ts";
import { cast, mul, scalar, Tensor, tensor, viewAs, zeros } from "../../../src/tensor/index.ts";
import { valuesOf } from "../case.ts";
import { type Claim, type Claims, differentiable, type LoadedCase } from "../runner.ts";

interface Codes {
  readonly qmin: number;
  readonly qmax: number;
  readonly axis?: number;
}

/** A scheme with the code range of a case. */
function schemeOf({ qmin, qmax, axis = -1 }: Codes, mapping: Scheme["mapping"] = "affine"): Scheme {
  const bits = Math.ceil(Math.log2(qmax - qmin + 1));
  return { ...makeScheme({ bits, mapping, signed: qmin < 0, axis: axis < 0 ? null : axis }), qmin, qmax };
}

const codesOf = (c: LoadedCase): Codes => c.attrs as unknown as Codes;

/** Parameters of a case, from its attributes or its inputs. */
function paramsOf(c: LoadedCase): QParams {
  const { scale, zeroPoint } = c.attrs as { scale?: number; zeroPoint?: number };
  if (scale !== undefined && zeroPoint !== undefined) {
    return { scale: tensor([scale], [1], c.dtype), zeroPoint: tensor([zeroPoint], [1], c.dtype) };
  }
  return { scale: c.inputs.scale, zeroPoint: cast(c.inputs.zeroPoint, c.dtype) };
}

/** Codes and values of x, and the straight-through gradient where the case asks for one. */
const fakeQuantize: Claim = (c) => {
  const scheme = schemeOf(codesOf(c));
  const params = paramsOf(c);
  const q = cast(uniformAffine.quantize(c.inputs.x, params, scheme), "i32");
  const run = differentiable(({ x }) => uniformAffine.fakeQuant(x, params, scheme))(c);
  if (run === "unclaimed" || run instanceof Promise) throw new Error("fakeQuant is synchronous");
  return { ...run, outputs: { ...run.outputs, q } };
};

/** LSQ gradients; `gradFactor` scales those of scale and zero point. */
const learnable: Claim = (c) => {
  const factor = c.attrs.gradFactor as number;
  const run = differentiable(({ x, scale, zeroPoint }) => uniformAffine.fakeQuant(x, { scale, zeroPoint }, schemeOf(codesOf(c))))(c);
  if (run === "unclaimed" || run instanceof Promise) throw new Error("fakeQuant is synchronous");
  const { x, scale, zeroPoint } = run.grads ?? {};
  return { outputs: run.outputs, grads: { x, scale: scale && mul(scale, factor), zeroPoint: zeroPoint && mul(zeroPoint, factor) } };
};

const batches = (c: LoadedCase): Tensor[] =>
  Object.keys(c.inputs)
    .filter((k) => k.startsWith("batch"))
    .sort()
    .map((k) => c.inputs[k]);

function observe(observer: Observer, stream: readonly Tensor[]): Range {
  let state = observer.init();
  for (const x of stream) state = observer.add(state, { x });
  return observer.result(state);
}

function squaredError(x: Tensor, y: Tensor): number {
  let sum = 0;
  for (let i = 0; i < x.size; i++) sum += (y.data[i] - x.data[i]) ** 2;
  return sum;
}

/** The ends of a range: scalars per tensor, [C] per channel. */
function endsOf({ min, max }: Range, perChannel = false): { min: Tensor; max: Tensor } {
  const shape = perChannel ? [min.length] : [];
  return { min: new Tensor(shape, "f64", min), max: new Tensor(shape, "f64", max) };
}

/** Range and parameters by torch's conventions: full-range symmetric codes, scale at least eps. */
function observed(make: (c: LoadedCase) => Observer): Claim {
  return (c) => {
    const range = observe(make(c), batches(c));
    const scheme = schemeOf(codesOf(c), c.attrs.scheme === "symmetric" ? "symmetricHalf" : "affine");
    const { params } = chooseQParams(range, scheme, { eps: (c.attrs.eps as number | undefined) ?? 2 ** -23 });
    const zeroPoint = cast(params.zeroPoint, "i32");
    return { outputs: { ...endsOf(range, scheme.axis !== null), scale: params.scale, zeroPoint } };
  };
}

/**
 * torch's HistogramObserver is another algorithm; the case asks that ours be within 5 % of its squared error. The
 * parameters of the file are handed back once that holds, for nothing else of the case is ours to compute.
 */
const histogramBound: Claim = (c) => {
  const scheme = schemeOf(codesOf(c));
  const all = batches(c);
  const error = (params: QParams): number => all.reduce((sum, x) => sum + squaredError(x, uniformAffine.fakeQuant(x, params, scheme)), 0);
  const want = c.raw.outputs ?? {};
  const read = (k: string): Tensor => tensor(valuesOf(want[k], new Uint8Array(0)), want[k].shape, want[k].dtype === "i32" ? "i32" : "f64");
  const theirs = error({ scale: cast(read("scale"), "f32"), zeroPoint: cast(read("zeroPoint"), "f32") });
  const ours = error(chooseQParams(observe(mse({ scheme, p: 2 }), all), scheme).params);
  if (!(ours <= 1.05 * theirs)) throw new Error(`squared error must be within 5 % of ${theirs}, got ${ours}`);
  return { outputs: Object.fromEntries(Object.keys(want).map((k) => [k, read(k)])) };
};

/** Squared error and SQNR of every scale. */
const mseGrid: Claim = (c) => {
  const { x, scales } = c.inputs;
  const scheme = schemeOf(codesOf(c));
  const zeroPoint = tensor([c.attrs.zeroPoint as number], [1], c.dtype);
  const values = Array.from(scales.data as ArrayLike<number>, (s) =>
    uniformAffine.fakeQuant(x, { scale: tensor([s], [1], c.dtype), zeroPoint }, scheme),
  );
  const errors = values.map((y) => squaredError(x, y) / x.size);
  const ratios = values.map((y) => sqnr(x, y));
  return {
    outputs: {
      mse: tensor(errors, scales.shape, "f64"),
      sqnrDb: tensor(ratios, scales.shape, "f64"),
      argmin: scalar(errors.indexOf(Math.min(...errors)), "i32"),
    },
  };
};

const adaroundSoft: Claim = (c) => {
  const { w, scale, v } = c.inputs;
  const scheme = schemeOf({ ...codesOf(c), axis: c.attrs.perChannel ? (c.attrs.axis as number) : -1 });
  const count = scale.size;
  const base = { scale: viewAs(scale, [count]), zeroPoint: zeros([count], c.dtype) };
  const run = differentiable(({ v: rounding }) => ({ soft: adaround.fakeQuant(w, { ...base, rounding }, scheme) }))(c);
  if (run === "unclaimed" || run instanceof Promise) throw new Error("adaround is synchronous");
  const params = { ...base, rounding: v };
  const hard = adaround.dequantize(adaround.quantize(w, params, scheme), params, scheme);
  return { ...run, outputs: { ...run.outputs, vInit: initialRounding(w, base, scheme.axis), h: softRounding(v), hard } };
};

const betaSchedule: Claim = ({ attrs, inputs: { t } }) => {
  const { tMax: total, relStart: warmup, startBeta: start, endBeta: end } = attrs as Record<string, number>;
  const curve = (shape: "linear" | "cosine"): Tensor => {
    const betas = Array.from(t.data as ArrayLike<number>, (step) => betaAt(step, { total, warmup, start, end, shape }));
    return tensor(betas, t.shape, "f64");
  };
  return { outputs: { linear: curve("linear"), cosine: curve("cosine") } };
};

const reconstructionLoss: Claim = ({ inputs: { y, yq, grad: gradient, inlier } }) => ({
  outputs: {
    mseSumChannelsMean: reconstruction(y, yq),
    fimDiag: fisherDiag(y, yq, gradient),
    fimFull: fisherFull(y, yq, gradient),
    inlierFimDiag: inlierFisher(y, yq, { gradient, inlier }, { damping: 0, normalize: false }),
    inlierFisherRank1: inlierFisher(y, yq, { gradient, inlier }, { fisher: "rank1", damping: 0, normalize: false }),
  },
});

/** Quantizers, observers and objectives. */
export const claims: Claims = {
  fake_quant_per_tensor: fakeQuantize,
  fake_quant_per_channel: fakeQuantize,
  fake_quant_learnable_per_tensor: learnable,
  fake_quant_learnable_per_channel: learnable,
  observer_minmax: observed(() => minmax()),
  observer_minmax_channel: observed((c) => minmax({ axis: c.attrs.axis as number })),
  observer_moving_minmax: observed((c) => movingAverage({ averagingConstant: c.attrs.averagingConstant as number })),
  observer_histogram: histogramBound,
  observer_percentile: ({ attrs, inputs: { x } }) => ({
    outputs: endsOf(observe(percentile({ low: attrs.lo as number, high: attrs.hi as number }), [x])),
  }),
  quant_mse_grid: mseGrid,
  sqnr: ({ inputs: { x, xq } }) => ({ outputs: { sqnrDb: scalar(sqnr(x, xq), "f64") } }),
  adaround_soft: adaroundSoft,
  adaround_regularizer: differentiable(({ v }, attrs) => ({ reg: roundingRegularizer(v, attrs.beta as number) })),
  adaround_beta_schedule: betaSchedule,
  reconstruction_loss: reconstructionLoss,
};
