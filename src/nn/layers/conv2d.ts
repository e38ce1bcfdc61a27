import { conv2d, type Rng, type Tensor, zeros } from "../../tensor/index.ts";
import { kaimingNormal } from "../init.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** Numbers stand for both directions. */
export interface Conv2dConfig {
  /** Elements from one window to the next, both ways. Default 1. */
  readonly stride?: number;
  /** Zeros on all four sides, in elements. Default 0. */
  readonly padding?: number;
  /** Elements from one tap to the next, both ways. Default 1. */
  readonly dilation?: number;
  /** Number of groups that channels are cut into. Default 1. */
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
  /** Elements from one window to the next, both ways. */
  readonly stride: number;
  /** Zeros on all four sides, in elements. */
  readonly padding: number;
  /** Elements from one tap to the next, both ways. */
  readonly dilation: number;
  readonly groups: number;

  /** Weight [Co, Ci/groups, kh, kw] and bias [Co]. */
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

  /** Shape: x [N, Ci, H, W] → [N, Co, oh, ow]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    const weight = tap("weight", this.weight);
    const { stride, padding, dilation, groups } = this;
    const bias = this.bias && { bias: tap("bias", this.bias) };
    return tap("output", conv2d(input, weight, { ...bias, stride, padding, dilation, groups }));
  }
}
