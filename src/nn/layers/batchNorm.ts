import {
  add,
  batchNorm,
  cast,
  channelMoments,
  mean,
  mul,
  ones,
  reshape,
  rsqrt,
  square,
  sub,
  type Tensor,
  zeros,
} from "../../tensor/index.ts";
import { identityTap, type Module, submodules, type Tap, tapFrom } from "../module.ts";

/** What a batch norm is made of; all tensors are [C]. */
export interface BatchNormParts {
  /** Scale: [C]. */
  readonly weight: Tensor;
  /** Shift: [C]. */
  readonly bias: Tensor;
  /** Mean that inference uses: [C]. */
  readonly runningMean: Tensor;
  /** Variance that inference uses: [C]. */
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
  /** Mean that inference uses: [C]. */
  readonly runningMean: Tensor;
  /** Variance that inference uses: [C]. */
  readonly runningVar: Tensor;
  readonly eps: number;
  /** Share of a batch in the next running statistics. */
  readonly momentum: number;
  readonly training: boolean;

  /** Parameters and statistics, all [C]. */
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

  /** Shape: x [N, C, ...], kept. */
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
  const [average, variance] = channelMoments(x);
  return { mean: average.data as Float64Array, variance: variance.data as Float64Array };
}

/** (1 - momentum) old + momentum batch in double, in the dtype of the old. */
const blend = (old: Tensor, batch: Tensor, momentum: number): Tensor =>
  cast(add(mul(cast(old, "f64"), 1 - momentum), mul(batch, momentum)), old.dtype);

/**
 * A forward pass of `module`, run by `forward` with the given tap, and the running statistics that follow from it,
 * by parameter name: (1 - momentum) old + momentum batch for every batch norm in training, in the old one's dtype.
 * Shapes: whatever `module` takes; statistics are [C].
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
      const [average, variance] = channelMoments(seen);
      const name = path === "" ? "" : `${path}.`;
      statistics.set(`${name}runningMean`, blend(norm.runningMean, average, norm.momentum));
      statistics.set(`${name}runningVar`, blend(norm.runningVar, variance, norm.momentum));
    }
    return seen;
  });
  return { out: forward(watch), statistics };
}
