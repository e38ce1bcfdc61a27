import { linear, type Rng, type Tensor, zeros } from "../../tensor/index.ts";
import { kaimingNormal } from "../init.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/**
 * y = x weight^T + bias for x [...,in], weight [out,in], bias [out].
 *
 * Sites: input, weight, bias (where there is one), output.
 */
export class Linear implements Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  /** Weight [O, I] and bias [O]. */
  constructor(weight: Tensor, bias: Tensor | undefined) {
    this.weight = weight;
    this.bias = bias;
    Object.freeze(this);
  }

  /** Kaiming-normal weights (fan in, relu) and a zero bias. */
  static init(inputs: number, outputs: number, rng: Rng): Linear {
    return new Linear(kaimingNormal([outputs, inputs], rng), zeros([outputs]));
  }

  /** Shape: x [..., I] → [..., O]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    const weight = tap("weight", this.weight);
    const bias = this.bias && tap("bias", this.bias);
    return tap("output", linear(input, weight, bias));
  }
}
