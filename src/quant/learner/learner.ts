import type { Tensor } from "../../tensor/index.ts";
import type { SitePlan } from "../plan.ts";
import type { LearningRate } from "./rates.ts";

/** What a descent learns, by name. */
export type Learned = Readonly<Record<string, Tensor>>;

/** How one weight is learned: from nearest rounding to the codes that a descent found. */
export interface WeightLearner {
  /** As the record writes it. */
  readonly name: string;
  /** Where the descent starts. Shapes: w as the parameter; what is learned has shapes of its own. */
  start(w: Tensor, site: SitePlan): Learned;
  /** Learning rates of what is learned. */
  rates(w: Tensor, site: SitePlan): Readonly<Record<string, LearningRate>>;
  /** The weight during the descent, differentiable in what is learned. Shape: that of w. */
  soft(w: Tensor, site: SitePlan, learned: Learned): Tensor;
  /** A term that pulls towards codes, per weight about 1 at most, of a sharpness that falls; a scalar. */
  pull?(learned: Learned, sharpness: Tensor, w: Tensor, site: SitePlan): Tensor | undefined;
  /** The learned weight on its grid, and the grid. */
  harden(w: Tensor, site: SitePlan, learned: Learned): { readonly tuned: Tensor; readonly site: SitePlan };
}

/** How the grid of an activation is learned. */
export interface ActivationLearner {
  /** As the record writes it. */
  readonly name: string;
  /** Where the descent starts. */
  start(site: SitePlan): Learned;
  /** Learning rates of what is learned. */
  rates(site: SitePlan): Readonly<Record<string, LearningRate>>;
  /** The activation on its grid, differentiable in x and in what is learned. Shape: that of x. */
  soft(x: Tensor, site: SitePlan, learned: Learned): Tensor;
  /** The learned grid. */
  harden(site: SitePlan, learned: Learned): SitePlan;
}
