import type { Grain } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { ActivationLearner, WeightLearner } from "../learner/learner.ts";
import type { GlobalObjective } from "../objective/global.ts";
import type { BetaOptions } from "../quantizer/adaround.ts";
import type { Evidence, Weigh } from "./evidence.ts";

/** How far apart the float and the quantized output of a unit are; weights of errors may come from gradients. */
export interface UnitObjective {
  /** As the record writes it. */
  readonly name: string;
  /** What errors are weighed with; absent: they count alike. */
  readonly weighing?: { readonly evidence: Evidence; readonly weigh: Weigh };
  /** A scalar, in ops. Shape: target and output [1,...]; weights as `weigh` gives them. */
  loss(target: Tensor, output: Tensor, weights: Tensor | undefined): Tensor;
}

/** A loss of the outputs of the network, whose part behind the unit is in float. */
export interface GlobalTerm {
  readonly objective: GlobalObjective;
  /** Steps from one that looks at it to the next, >= 1: those between have the unit's own error alone, and cost far less. */
  readonly every: number;
}

/** How what units learn from is made more like what the network was trained on. */
export interface DistributionCorrection {
  /** Steps of each group of samples, where no budget says otherwise. */
  readonly steps: number;
  /** Learning rate at the first step, in activation units. */
  readonly rate: number;
  /** What divides the distance from the inputs as they were, > 0: more lets them move further. */
  readonly share: number;
}

/** One pass over the units of a network. */
export interface LearningStage {
  /** As progress and the record write it. */
  readonly name: string;
  /** What is learned of weights; absent: they stay. */
  readonly weights?: WeightLearner;
  /** What is learned of activation grids; absent: they stay. */
  readonly activations?: ActivationLearner;
  /** Learning rate of biases, in units of their layer's output; absent: they stay. */
  readonly biasRate?: number;
  /** Whether activations are quantized while units learn. */
  readonly quantizesActivations: boolean;
  /** What a unit reads: float activations, or those of the network quantized so far. */
  readonly input: "float" | "quantized";
  /** Share of the elements that are quantized in each step, the others float (QDrop); absent: all. */
  readonly kept?: number;
  /** What the descent lowers. */
  readonly objective: UnitObjective;
  /** What it lowers besides. */
  readonly global?: GlobalTerm;
  /** How float inputs and targets are corrected by the statistics of batch normalisations; absent: they stay. */
  readonly correction?: DistributionCorrection;
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
  readonly sharpness: Required<Omit<BetaOptions, "total">>;
}

/** How a method learns: unit by unit, stage by stage. */
export interface Reconstruction {
  /** What is reconstructed at a time. */
  readonly unit: Grain;
  /** Passes over all units, one after the other; their names differ. */
  readonly stages: readonly LearningStage[];
  /** How every unit descends. */
  readonly descent: DescentOptions;
}

/** What the correction of a unit's inputs did. */
export interface CorrectionRecord {
  /** Steps of each group of samples. */
  readonly steps: number;
  /** Distance from the promised statistics before, mean over groups. */
  readonly before: number;
  /** The same afterwards, with what moving the inputs costs. */
  readonly after: number;
}

/** What learning did to one unit. Errors are objectives on the held-out samples relative to nearest rounding. */
export interface UnitRecord {
  /** Name of the unit. */
  readonly unit: string;
  /** Name of the stage. */
  readonly stage: string;
  /** Names of the layers that learned. */
  readonly layers: readonly string[];
  /** Steps it took. */
  readonly steps: number;
  /** Objective at the start, in its own unit. */
  readonly start: number;
  /** Relative error once biases make up for what quantization moves channels by, before any step; 1 where that did not help. */
  readonly biases: number;
  /** Relative error of the weights as the descent left them. */
  readonly soft: number;
  /** Relative error once they are on their grid. */
  readonly hard: number;
  /** Whether the learned unit replaced the start, corrected biases included. */
  readonly kept: boolean;
  /** How its inputs were corrected; absent: they were not. */
  readonly correction?: CorrectionRecord;
}
