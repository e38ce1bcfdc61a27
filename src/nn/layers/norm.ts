import { groupNorm, instanceNorm, layerNorm, ones, rmsNorm, type Tensor, zeros } from "../../tensor/index.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** Scale, shift, and what is added to the variance (default 1e-5). */
export interface NormParts {
  /** Scale, applied after the normalisation. */
  readonly weight: Tensor;
  /** Shift of the same shape. */
  readonly bias: Tensor;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

type NormConfig = Pick<NormParts, "eps">;

/** The tensors of a normalisation as the tap sees them. */
function watched({ weight, bias }: Pick<NormParts, "weight" | "bias">, x: Tensor, tap: Tap): { x: Tensor; weight: Tensor; bias: Tensor } {
  return { x: tap("input", x), weight: tap("weight", weight), bias: tap("bias", bias) };
}

const parts = (shape: readonly number[], config: NormConfig): NormParts => ({ weight: ones(shape), bias: zeros(shape), ...config });

/** `layerNorm` over the last axes of x, those of the weight. Sites: input, weight, bias, output. */
export class LayerNorm implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Added to the variance. */
  readonly eps: number;

  /** Weight and bias have the shape of the last axes of x. */
  constructor({ weight, bias, eps = 1e-5 }: NormParts) {
    this.weight = weight;
    this.bias = bias;
    this.eps = eps;
    Object.freeze(this);
  }

  /** A weight of ones and a bias of zeros. */
  static init(normalizedShape: readonly number[], config: NormConfig = {}): LayerNorm {
    return new LayerNorm(parts(normalizedShape, config));
  }

  /** Shape: any that ends in the shape of the weight, kept. */
  forward(input: Tensor, tap: Tap = identityTap): Tensor {
    const { x, ...given } = watched(this, input, tap);
    return tap("output", layerNorm(x, { ...given, eps: this.eps, normalizedShape: this.weight.shape }));
  }
}

/** `groupNorm` of x [N,C,...] in `groups` groups; weight and bias [C]. Sites: input, weight, bias, output. */
export class GroupNorm implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly groups: number;
  /** Added to the variance. */
  readonly eps: number;

  /** Weight and bias are [C]. */
  constructor({ weight, bias, groups, eps = 1e-5 }: NormParts & { readonly groups: number }) {
    this.weight = weight;
    this.bias = bias;
    this.groups = groups;
    this.eps = eps;
    Object.freeze(this);
  }

  /** A weight of ones and a bias of zeros. */
  static init(groups: number, channels: number, config: NormConfig = {}): GroupNorm {
    return new GroupNorm({ ...parts([channels], config), groups });
  }

  /** Shape: [N, C, ...], kept. */
  forward(input: Tensor, tap: Tap = identityTap): Tensor {
    const { x, ...given } = watched(this, input, tap);
    return tap("output", groupNorm(x, { ...given, eps: this.eps, groups: this.groups }));
  }
}

/** `instanceNorm` of x [N,C,...]; weight and bias [C]. Sites: input, weight, bias, output. */
export class InstanceNorm implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Added to the variance. */
  readonly eps: number;

  /** Weight and bias are [C]. */
  constructor({ weight, bias, eps = 1e-5 }: NormParts) {
    this.weight = weight;
    this.bias = bias;
    this.eps = eps;
    Object.freeze(this);
  }

  /** A weight of ones and a bias of zeros. */
  static init(channels: number, config: NormConfig = {}): InstanceNorm {
    return new InstanceNorm(parts([channels], config));
  }

  /** Shape: [N, C, ...], kept. */
  forward(input: Tensor, tap: Tap = identityTap): Tensor {
    const { x, ...given } = watched(this, input, tap);
    return tap("output", instanceNorm(x, { ...given, eps: this.eps }));
  }
}

/** `rmsNorm` over the last axes of x, those of the weight. Sites: input, weight, output. */
export class RmsNorm implements Module {
  readonly weight: Tensor;
  /** undefined: what `rmsNorm` takes by itself. */
  readonly eps: number | undefined;

  /** The weight has the shape of the last axes of x. */
  constructor({ weight, eps }: Omit<NormParts, "bias">) {
    this.weight = weight;
    this.eps = eps;
    Object.freeze(this);
  }

  /** A weight of ones. */
  static init(normalizedShape: readonly number[], config: NormConfig = {}): RmsNorm {
    return new RmsNorm({ weight: ones(normalizedShape), ...config });
  }

  /** Shape: any that ends in the shape of the weight, kept. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    const weight = tap("weight", this.weight);
    return tap("output", rmsNorm(input, { weight, eps: this.eps, normalizedShape: weight.shape }));
  }
}
