import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  interpolate,
  maxPool2d,
  mean,
  type PairOption,
  type Tensor,
} from "../../tensor/index.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** Kernel, stride (default: the kernel) and padding, the same in both directions. */
export interface PoolConfig {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}

/** The windows a pooling layer slides over its input. */
class Windows {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;

  constructor({ kernel, stride = kernel, padding = 0 }: PoolConfig) {
    this.kernel = kernel;
    this.stride = stride;
    this.padding = padding;
    Object.freeze(this);
  }
}

/** Maximum over windows of x [N,C,H,W]; borders count as -infinity. Site: output. */
export class MaxPool2d extends Windows implements Module {
  /** Shape: x [N, C, H, W] → [N, C, oh, ow]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", maxPool2d(x, this));
  }
}

/** Mean over windows of x [N,C,H,W]; borders count as zeros. Site: output. */
export class AvgPool2d extends Windows implements Module {
  /** Shape: x [N, C, H, W] → [N, C, oh, ow]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", avgPool2d(x, this));
  }
}

/** Mean over all positions: [N,C,H,W] → [N,C,1,1]. Site: output. */
export class GlobalAvgPool implements Module {
  constructor() {
    Object.freeze(this);
  }

  /** Shape: x [N, C, H, W] → [N, C, 1, 1]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", mean(x, { dim: [2, 3], keepdim: true }));
  }
}

/** Mean over as many windows as `output` says: [N,C,H,W] → [N,C,oh,ow]. Site: output. */
export class AdaptiveAvgPool2d implements Module {
  readonly output: PairOption;

  /** Height and width of the output, in elements. */
  constructor(output: PairOption) {
    this.output = output;
    Object.freeze(this);
  }

  /** Shape: x [N, C, H, W] → [N, C, oh, ow]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", adaptiveAvgPool2d(x, this));
  }
}

/** Maximum over as many windows as `output` says: [N,C,H,W] → [N,C,oh,ow]. Site: output. */
export class AdaptiveMaxPool2d implements Module {
  readonly output: PairOption;

  /** Height and width of the output, in elements. */
  constructor(output: PairOption) {
    this.output = output;
    Object.freeze(this);
  }

  /** Shape: x [N, C, H, W] → [N, C, oh, ow]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", adaptiveMaxPool2d(x, this));
  }
}

/** Enlarges x [N,C,H,W] by a whole factor, repeating values. Site: output. */
export class Upsample implements Module {
  readonly factor: number;

  /** How many times larger height and width become. */
  constructor(factor: number) {
    this.factor = factor;
    Object.freeze(this);
  }

  /** Shape: x [N, C, H, W] → [N, C, factor · H, factor · W]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const size = [x.shape[2] * this.factor, x.shape[3] * this.factor] as const;
    return tap("output", interpolate(x, { size, mode: "nearest" }));
  }
}
