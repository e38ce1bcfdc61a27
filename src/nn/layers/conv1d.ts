import { conv1d, type Rng, type Tensor, zeros } from "../../tensor/index.ts";
import { kaimingNormal } from "../init.ts";
import { identityTap, type Module, type Tap } from "../module.ts";
import type { Conv2dConfig } from "./conv2d.ts";

/**
 * A convolution of x [N,Ci,L] with weight [Co,Ci/groups,k] and an optional bias [Co].
 *
 * Sites: input, weight, bias (where there is one), output.
 */
export class Conv1d implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  /** Elements from one window to the next. */
  readonly stride: number;
  /** Zeros on both sides, in elements. */
  readonly padding: number;
  /** Elements from one tap to the next. */
  readonly dilation: number;
  readonly groups: number;

  /** Weight [Co, Ci/groups, k] and bias [Co]. */
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
  static init(inputs: number, outputs: number, kernel: number, rng: Rng, config: Conv2dConfig & { readonly bias?: boolean } = {}): Conv1d {
    const shape = [outputs, inputs / (config.groups ?? 1), kernel];
    return new Conv1d(kaimingNormal(shape, rng, { mode: "fanOut" }), config.bias === false ? undefined : zeros([outputs]), config);
  }

  /** Shape: x [N, Ci, L] → [N, Co, ol]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    const weight = tap("weight", this.weight);
    const { stride, padding, dilation, groups } = this;
    const bias = this.bias && tap("bias", this.bias);
    return tap("output", conv1d(input, weight, { bias, stride, padding, dilation, groups }));
  }
}
