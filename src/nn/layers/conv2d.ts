import { conv2d, type Rng, type Tensor, zeros } from "../../tensor/index.ts";
import { kaimingNormal } from "../init.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** Numbers stand for both directions. */
export interface Conv2dConfig {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/**
 * A convolution of x [N,Ci,H,W] with weight [Co,Ci/groups,kh,kw] and an optional bias [Co].
 *
 * Sites: input, weight, bias (where there is one), output.
 */
export class Conv2d implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;

  constructor(weight: Tensor, bias: Tensor | undefined, config: Conv2dConfig = {}) {
    this.weight = weight;
    this.bias = bias;
    this.stride = config.stride ?? 1;
    this.padding = config.padding ?? 0;
    this.dilation = config.dilation ?? 1;
    this.groups = config.groups ?? 1;
    Object.freeze(this);
  }

  /** Kaiming-normal weights (fan out, relu) and a zero bias unless `bias` is false. */
  static init(inputs: number, outputs: number, kernel: number, rng: Rng, config: Conv2dConfig & { readonly bias?: boolean } = {}): Conv2d {
    const shape = [outputs, inputs / (config.groups ?? 1), kernel, kernel];
    return new Conv2d(kaimingNormal(shape, rng, { mode: "fanOut" }), config.bias === false ? undefined : zeros([outputs]), config);
  }

  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    const weight = tap("weight", this.weight);
    const { stride, padding, dilation, groups } = this;
    const bias = this.bias && { bias: tap("bias", this.bias) };
    return tap("output", conv2d(input, weight, { ...bias, stride, padding, dilation, groups }));
  }
}
