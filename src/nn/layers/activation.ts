import { full, prelu, type Tensor } from "../../tensor/index.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** An elementwise function of the library as a module: `new Activation(relu)`. Site: output. */
export class Activation implements Module {
  /** What is applied: any shape, kept. */
  readonly apply: (x: Tensor) => Tensor;

  /** Takes an op of one tensor. Any shape. */
  constructor(apply: (x: Tensor) => Tensor) {
    this.apply = apply;
    Object.freeze(this);
  }

  /** Shape: x any, kept. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", this.apply(x));
  }
}

/** `prelu` with learned slopes, one or one for each channel of x [N,C,...]. Sites: input, weight, output. */
export class PRelu implements Module {
  readonly weight: Tensor;

  /** The slope: one number, or [C]. */
  constructor(weight: Tensor) {
    this.weight = weight;
    Object.freeze(this);
  }

  /** Slopes of 0.25. */
  static init(channels = 1): PRelu {
    return new PRelu(full([channels], 0.25));
  }

  /** Shape: x [N, C, ...], kept. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const input = tap("input", x);
    return tap("output", prelu(input, tap("weight", this.weight)));
  }
}
