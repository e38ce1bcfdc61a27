import { Activation, BatchNorm, Conv2d, type Conv2dConfig, foldBatchNorm, identityTap, type Module, type Tap } from "../../nn/index.ts";
import { add, type Rng, relu, type Tensor } from "../../tensor/index.ts";

/** How to build a `ConvUnit`. */
export interface ConvUnitConfig extends Conv2dConfig {
  readonly kernel?: number;
  /** Batch norm in training mode (true) or a bias instead (false, the form that ships). */
  readonly norm: boolean;
}

/** Convolution, batch norm while training, relu. */
export class ConvUnit implements Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm | undefined;
  readonly act: Activation;

  constructor(conv: Conv2d, norm: BatchNorm | undefined) {
    this.conv = conv;
    this.norm = norm;
    this.act = new Activation(relu);
    Object.freeze(this);
  }

  static init(inputs: number, outputs: number, rng: Rng, config: ConvUnitConfig): ConvUnit {
    const { kernel = 1, norm } = config;
    const conv = Conv2d.init(inputs, outputs, kernel, rng, { padding: kernel >> 1, ...config, bias: !norm });
    return new ConvUnit(conv, norm ? BatchNorm.init(outputs, { training: true }) : undefined);
  }

  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const y = this.conv.forward(x, tap.at("conv"));
    const normed = this.norm ? this.norm.forward(y, tap.at("norm")) : y;
    return this.act.forward(normed, tap.at("act"));
  }

  /** The unit that computes the same from running statistics with one convolution. */
  folded(): ConvUnit {
    if (!this.norm) return this;
    const { weight, bias, runningMean: mean, runningVar: variance, eps: epsilon } = this.norm;
    const merged = foldBatchNorm(this.conv.weight, this.conv.bias, { weight, bias, mean, variance, epsilon });
    return new ConvUnit(new Conv2d(merged.weight, merged.bias, this.conv), undefined);
  }
}

/** A depthwise 3x3 unit and a pointwise unit; with equal widths and stride 1 the input is added to the output. */
export class Separable implements Module {
  readonly depthwise: ConvUnit;
  readonly pointwise: ConvUnit;
  readonly residual: boolean;

  constructor(depthwise: ConvUnit, pointwise: ConvUnit, residual: boolean) {
    this.depthwise = depthwise;
    this.pointwise = pointwise;
    this.residual = residual;
    Object.freeze(this);
  }

  static init(inputs: number, outputs: number, stride: number, rng: Rng, norm: boolean): Separable {
    const depthwise = ConvUnit.init(inputs, inputs, rng.split("depthwise"), { kernel: 3, stride, groups: inputs, norm });
    const pointwise = ConvUnit.init(inputs, outputs, rng.split("pointwise"), { norm });
    return new Separable(depthwise, pointwise, stride === 1 && inputs === outputs);
  }

  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    const y = this.pointwise.forward(this.depthwise.forward(x, tap.at("depthwise")), tap.at("pointwise"));
    return tap("output", this.residual ? add(x, y) : y);
  }

  folded(): Separable {
    return new Separable(this.depthwise.folded(), this.pointwise.folded(), this.residual);
  }
}
