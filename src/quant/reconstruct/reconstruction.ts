import type { Grain } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { ActivationLearner, WeightLearner } from "../learner/learner.ts";
import type { BetaOptions } from "../quantizer/adaround.ts";

/** How far apart the float and the quantized output of a unit are; weights of errors may come from gradients. */
export interface UnitObjective {
  /** As the record writes it. */
  readonly name: string;
  /** What it weighs errors with: nothing, gradients of the divergence of the outputs, or of the saliency loss. */
  readonly evidence: "none" | "divergence" | "saliency";
  /** Weights of a sample's errors from the gradient at the output; 1 where a volume is an inlier. Shape: as `loss` takes it. */
  weigh?(gradient: Tensor, inlier: Uint8Array | undefined): Tensor;
  /** A scalar, in ops. Shape: target and output [1,...]; weights as `weigh` gives them. */
  loss(target: Tensor, output: Tensor, weights: Tensor | undefined): Tensor;
}

/** One pass over the units of a network. */
export interface LearningStage {
  /** As progress and the record write it. */
  readonly name: string;
  /** What is learned of weights; absent: they stay. */
  readonly weights?: WeightLearner;
  /** What is learned of activation grids; absent: they stay. */
  readonly activations?: ActivationLearner;
  /** Whether activations are quantized while units learn. */
  readonly quantizesActivations: boolean;
  /** What a unit reads: float activations, or those of the network quantized so far. */
  readonly input: "float" | "quantized";
  /** Share of the elements that are quantized in each step, the others float (QDrop); absent: all. */
  readonly kept?: number;
  /** What the descent lowers. */
  readonly objective: UnitObjective;
}

/** How the descents run. */
export interface DescentOptions {
  /** Steps of each unit, where no budget says otherwise. */
  readonly steps: number;
  /** Samples a step. */
  readonly batch: number;
  /** Weight of the pull towards codes, relative to the error at the start. */
  readonly pull: number;
  /** Share of the steps before the pull begins, its sharpness before and at the end. */
  readonly sharpness: Omit<BetaOptions, "total">;
}

/** How a method learns: unit by unit, stage by stage. */
export interface Reconstruction {
  /** What is reconstructed at a time. */
  readonly unit: Grain;
  readonly stages: readonly LearningStage[];
  readonly descent: DescentOptions;
}

/** What learning did to one unit. Errors are objectives on the held-out samples relative to nearest rounding. */
export interface UnitRecord {
  readonly unit: string;
  readonly stage: string;
  /** Names of the layers that learned. */
  readonly layers: readonly string[];
  readonly steps: number;
  /** Objective at the start, in its own unit. */
  readonly start: number;
  /** Relative error of the weights as the descent left them. */
  readonly soft: number;
  /** Relative error once they are on their grid. */
  readonly hard: number;
  /** Whether the learned unit replaced the start. */
  readonly kept: boolean;
}
