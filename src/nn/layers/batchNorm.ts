import {
  add,
  allocate,
  batchNorm,
  type Data,
  mean,
  mul,
  ones,
  reshape,
  rsqrt,
  sizeOf,
  square,
  sub,
  Tensor,
  zeros,
} from "../../tensor/index.ts";
import { identityTap, type Module, submodules, type Tap, tapFrom } from "../module.ts";

/** What a batch norm is made of; all tensors are [C]. */
export interface BatchNormParts {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  /** Default 1e-5. */
  readonly eps?: number;
  /** Share of the batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Whether the statistics are the batch's (true) or the running ones. Default false. */
  readonly training?: boolean;
}

/**
 * weight (x - mean) / sqrt(var + eps) + bias per channel of x [N,C,...], over the batch's statistics while training and
 * the running ones otherwise. Running statistics are values: `forwardWithStatistics` returns the next ones.
 *
 * Sites: input, weight, bias, output. Source: Ioffe and Szegedy 2015, Alg. 1.
 */
export class BatchNorm implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly eps: number;
  readonly momentum: number;
  readonly training: boolean;

  constructor(parts: BatchNormParts) {
    this.weight = parts.weight;
    this.bias = parts.bias;
    this.runningMean = parts.runningMean;
    this.runningVar = parts.runningVar;
    this.eps = parts.eps ?? 1e-5;
    this.momentum = parts.momentum ?? 0.1;
    this.training = parts.training ?? false;
    Object.freeze(this);
  }

  /** The identity, before any training. */
  static init(channels: number, config: Pick<BatchNormParts, "eps" | "momentum" | "training"> = {}): BatchNorm {
    const [one, zero] = [ones([channels]), zeros([channels])];
    return new BatchNorm({ weight: one, bias: zero, runningMean: zero, runningVar: one, ...config });
  }

  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    const [weight, bias] = [tap("weight", this.weight), tap("bias", this.bias)];
    const { runningMean, runningVar, eps } = this;
    const y = this.training ? normalizeBatch(input, weight, bias, eps) : batchNorm(input, weight, bias, runningMean, runningVar, { eps });
    return tap("output", y);
  }
}

/** Normalises by the batch's own mean and biased variance; the centred input serves both, forwards and backwards. */
function normalizeBatch(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const over = { dim: x.shape.map((_, i) => i).filter((i) => i !== 1), keepdim: true };
  const wide = (v: Tensor) => reshape(v, { shape: x.shape.map((_, i) => (i === 1 ? v.size : 1)) });
  const center = sub(x, mean(x, over));
  const factor = mul(wide(weight), rsqrt(add(mean(square(center), over), eps)));
  return add(mul(center, factor), wide(bias));
}

/** Mean and unbiased variance per channel of x [N,C,...], computed in double. */
export function channelStatistics(x: Tensor): { mean: Float64Array; variance: Float64Array } {
  const [batch, channels] = x.shape;
  const inner = sizeOf(x.shape.slice(2));
  const count = batch * inner;
  const perChannel = (sumOver: (c: number, from: number, to: number) => number): Float64Array => {
    const sums = new Float64Array(channels);
    for (let n = 0; n < batch; n++) {
      for (let c = 0; c < channels; c++) sums[c] += sumOver(c, (n * channels + c) * inner, (n * channels + c + 1) * inner);
    }
    return sums;
  };
  const average = perChannel((_, from, to) => total(x.data, from, to)).map((sum) => sum / count);
  const spread = perChannel((c, from, to) => totalSquare(x.data, from, to, average[c]));
  return { mean: average, variance: spread.map((sum) => sum / Math.max(1, count - 1)) };
}

function total(data: Data, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += data[i];
  return sum;
}

function totalSquare(data: Data, from: number, to: number, center: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += (data[i] - center) ** 2;
  return sum;
}

function blend(old: Tensor, batch: Float64Array, momentum: number): Tensor {
  const data = allocate(old.dtype, old.size);
  for (let c = 0; c < data.length; c++) data[c] = (1 - momentum) * old.data[c] + momentum * batch[c];
  return new Tensor(old.shape, old.dtype, data);
}

/**
 * A forward pass of `module`, run by `forward` with the given tap, and the running statistics that follow from it, by
 * parameter name: (1 - momentum) old + momentum batch for every batch norm in training, in the old one's dtype.
 */
export function forwardWithStatistics<Out>(
  module: Module<unknown>,
  forward: (tap: Tap) => Out,
): { out: Out; statistics: Map<string, Tensor> } {
  const norms = new Map([...submodules(module)].filter((entry): entry is [string, BatchNorm] => entry[1] instanceof BatchNorm));
  const statistics = new Map<string, Tensor>();
  const watch = tapFrom((path, slot, seen) => {
    const norm = slot === "input" ? norms.get(path) : undefined;
    if (norm?.training) {
      const batch = channelStatistics(seen);
      const name = path === "" ? "" : `${path}.`;
      statistics.set(`${name}runningMean`, blend(norm.runningMean, batch.mean, norm.momentum));
      statistics.set(`${name}runningVar`, blend(norm.runningVar, batch.variance, norm.momentum));
    }
    return seen;
  });
  return { out: forward(watch), statistics };
}
