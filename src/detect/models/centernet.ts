import { Conv2d, identityTap, type Module, type Tap, Upsample } from "../../nn/index.ts";
import { add, full, type Rng, randn, sigmoid, type Tensor } from "../../tensor/index.ts";
import type { Heads } from "../detector.ts";
import { ConvUnit, Separable } from "./convUnit.ts";

/** Sizes of a `CenterNet`. */
export interface CenterNetConfig {
  /** How many there are: channels of the heatmap. */
  readonly classes: number;
  /** Channels at strides 2, 4, 8 and 16. */
  readonly widths: readonly [number, number, number, number];
  /** Batch norm (for training) or biases (the form that ships). */
  readonly norm: boolean;
}

/** Predictions start almost at their prior. Unstated: as RetinaNet Sec. 4.1 does for its classifier. */
const PREDICT_DEVIATION = 0.01;

/** One output of the head: a hidden 1x1 unit and the 1x1 convolution that predicts. */
export class HeadBranch implements Module {
  readonly hidden: ConvUnit;
  /** The 1x1 convolution behind it. */
  readonly predict: Conv2d;

  /** A branch from its two layers. */
  constructor(hidden: ConvUnit, predict: Conv2d) {
    this.hidden = hidden;
    this.predict = predict;
    Object.freeze(this);
  }

  /** `prior` is what the branch predicts before training. */
  static init(inputs: number, outputs: number, prior: number, rng: Rng, norm: boolean): HeadBranch {
    const hidden = ConvUnit.init(inputs, inputs, rng.split("hidden"), { norm });
    const weight = randn([outputs, inputs, 1, 1], rng.split("predict"), PREDICT_DEVIATION);
    return new HeadBranch(hidden, new Conv2d(weight, full([outputs], prior)));
  }

  /** Shape: x [N, C, h, w] → [N, outputs, h, w]. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return this.predict.forward(this.hidden.forward(x, tap.at("hidden")), tap.at("predict"));
  }

  /** The same with batch norm folded into the convolution. */
  folded(): HeadBranch {
    return new HeadBranch(this.hidden.folded(), this.predict);
  }
}

/** The three outputs of CenterNet over features [N,C,h,w]: logits of the heatmap, box sizes and centre offsets in cells. */
export class CenterHeads implements Module<Heads> {
  readonly heatmap: HeadBranch;
  /** Width and height of the objects, in cells. */
  readonly size: HeadBranch;
  /** Where centres lie within their cell. */
  readonly offset: HeadBranch;

  /** The heads from their branches. */
  constructor(heatmap: HeadBranch, size: HeadBranch, offset: HeadBranch) {
    this.heatmap = heatmap;
    this.size = size;
    this.offset = offset;
    Object.freeze(this);
  }

  /** Shape: x [N, C, h, w] → heatmap [N, classes, h, w], size and offset [N, 2, h, w]. */
  forward(x: Tensor, tap: Tap = identityTap): Heads {
    return {
      heatmap: this.heatmap.forward(x, tap.at("heatmap")),
      size: this.size.forward(x, tap.at("size")),
      offset: this.offset.forward(x, tap.at("offset")),
    };
  }

  /** The same with batch norm folded into the convolutions. */
  folded(): CenterHeads {
    return new CenterHeads(this.heatmap.folded(), this.size.folded(), this.offset.folded());
  }
}

/** logit(0.05): the share of centres a fresh heatmap expects. Unstated: the paper starts from 0.1 on far larger maps. */
const HEAT_PRIOR = -3;

/** Typical object size in cells before training. */
const SIZE_PRIOR = 6;

/** A top-down path joins two neighbouring strides: lateral 1x1, twice enlarged coarse features. */
class Joint implements Module {
  readonly lateral: ConvUnit;
  readonly upsample: Upsample;

  constructor(lateral: ConvUnit) {
    this.lateral = lateral;
    this.upsample = new Upsample(2);
    Object.freeze(this);
  }

  forward(coarse: Tensor, tap: Tap = identityTap): Tensor {
    return this.upsample.forward(this.lateral.forward(coarse, tap.at("lateral")), tap.at("upsample"));
  }

  folded(): Joint {
    return new Joint(this.lateral.folded());
  }
}

/** What a `CenterNet` is made of. */
export interface CenterNetParts {
  /** The first convolution, of stride 2. */
  readonly stem: ConvUnit;
  /** Separable convolutions, halving the map stage by stage. */
  readonly stages: readonly (readonly Separable[])[];
  /** Where a smaller map is added to the next larger one. */
  readonly joints: readonly Joint[];
  /** The convolution behind each joint. */
  readonly neck: readonly ConvUnit[];
  /** The branches that give the outputs. */
  readonly heads: CenterHeads;
}

/**
 * A small CenterNet-like detector: depthwise-separable stages at strides 4, 8 and 16, joined top-down at stride 4.
 *
 * Shape: x [N,3,H,W] with H and W multiples of 16 → heatmap [N,classes,H/4,W/4], size and offset [N,2,H/4,W/4] in cells.
 * Departure: a feature pyramid of separable convolutions takes the place of the paper's hourglass or DLA.
 * Source: Zhou et al. 2019, Objects as Points.
 */
export class CenterNet implements Module<Heads> {
  /** The first convolution, of stride 2. */
  readonly stem: ConvUnit;
  readonly stages: readonly (readonly Separable[])[];
  /** Where a smaller map is added to the next larger one. */
  readonly joints: readonly Joint[];
  /** The convolution behind each joint. */
  readonly neck: readonly ConvUnit[];
  /** The branches that give the outputs. */
  readonly heads: CenterHeads;

  /** A network from its layers. */
  constructor(parts: CenterNetParts) {
    this.stem = parts.stem;
    this.stages = parts.stages;
    this.joints = parts.joints;
    this.neck = parts.neck;
    this.heads = parts.heads;
    Object.freeze(this);
  }

  /** A network with random weights, the biases of the heads at sensible priors. */
  static init({ classes, widths, norm }: CenterNetConfig, rng: Rng): CenterNet {
    const stage = (i: number, blocks: number) =>
      Array.from({ length: 1 + blocks }, (_, k) =>
        Separable.init(k === 0 ? widths[i] : widths[i + 1], widths[i + 1], k === 0 ? 2 : 1, rng.split(`stage${i}.${k}`), norm),
      );
    const width = widths[1];
    const branch = (name: string, outputs: number, prior: number) => HeadBranch.init(width, outputs, prior, rng.split(name), norm);
    return new CenterNet({
      stem: ConvUnit.init(3, widths[0], rng.split("stem"), { kernel: 3, stride: 2, norm }),
      stages: [stage(0, 1), stage(1, 2), stage(2, 2)],
      joints: [2, 1].map((i) => new Joint(ConvUnit.init(widths[i + 1], widths[i], rng.split(`joint${i}`), { norm }))),
      neck: [widths[2], width].map((w, i) => ConvUnit.init(w, w, rng.split(`neck${i}`), { kernel: 3, norm })),
      heads: new CenterHeads(branch("heatmap", classes, HEAT_PRIOR), branch("size", 2, SIZE_PRIOR), branch("offset", 2, 0.5)),
    });
  }

  /** The heads with the heatmap as logits: what the training loss takes. Shapes as `forward`. */
  logits(x: Tensor, tap: Tap = identityTap): Heads {
    let y = this.stem.forward(x, tap.at("stem"));
    const levels = this.stages.map((stage, i) => {
      y = stage.reduce((z, block, k) => block.forward(z, tap.at(`stages.${i}.${k}`)), y);
      return y;
    });
    this.joints.forEach((joint, i) => {
      const fine = levels[levels.length - 2 - i];
      const joined = tap.at(`joints.${i}.sum`)("output", add(fine, joint.forward(y, tap.at(`joints.${i}`))));
      y = this.neck[i].forward(joined, tap.at(`neck.${i}`));
    });
    return this.heads.forward(y, tap.at("heads"));
  }

  /** Shape: x [N,3,H,W] → maps of [H/4, W/4], see above. */
  forward(x: Tensor, tap: Tap = identityTap): Heads {
    const { heatmap, ...boxes } = this.logits(x, tap);
    return { heatmap: tap("output", sigmoid(heatmap)), ...boxes };
  }

  /** The same detector with every batch norm merged into its convolution. */
  folded(): CenterNet {
    return new CenterNet({
      stem: this.stem.folded(),
      stages: this.stages.map((stage) => stage.map((block) => block.folded())),
      joints: this.joints.map((joint) => joint.folded()),
      neck: this.neck.map((unit) => unit.folded()),
      heads: this.heads.folded(),
    });
  }
}
