import { z } from "zod";
import type { Layer } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { Choice } from "./choosers.ts";
import type { SaliencyLoss } from "./evidence.ts";
import type { Observer } from "./observer/observer.ts";
import { levelSite, type SitePlan } from "./plan.ts";
import type { LevelQuantizer } from "./quantizer/levels.ts";
import type { Reconstruction } from "./reconstruct/reconstruction.ts";
import type { Refiner, RowWeights } from "./refine.ts";
import type { Range, Scheme } from "./scheme.ts";

/** How a method picks the volumes that matter (InlierQ eq. 7-11). */
export interface Selection extends Choice {
  /** What saliency is the gradient of. */
  readonly loss: SaliencyLoss;
}

/** How a method improves the ranges it found (InlierQ Algorithm 1, line 8). */
export interface Refinement {
  /** How a range is refined. */
  readonly refiner: Refiner;
  /** "output": error of each reader's output; "self": error of the quantized tensor itself. */
  readonly target: "output" | "self";
  /** The weights that quantized inputs are multiplied by, out of a layer's own and the same on their grid; the float output has the former. */
  readonly through: (float: Tensor, rounded: Tensor) => Tensor;
  /** How much each output volume counts. */
  readonly importance: RowWeights;
  /** Also sample anomalies, with the weights `importance` gives them. */
  readonly anomalies: boolean;
  /** Output volumes per layer, and the most floats to keep for them. */
  readonly rows: number;
  /** Floats kept per layer for them. */
  readonly floats: number;
}

/** Puts a weight on a grid of its own: the grid, and the weight on it. */
export type WeightLevels = (value: Tensor, range: Range, scheme: Scheme) => { readonly site: SitePlan; readonly tuned: Tensor };

/** A level quantizer as a method names it. */
export const onLevels =
  <P extends Readonly<Record<string, Tensor>>>(quantizer: LevelQuantizer<P>): WeightLevels =>
  (value, range, scheme) =>
    levelSite(value, { quantizer, params: quantizer.init(range, scheme, value), scheme });

/** Where a layer stands in a detector. */
export interface LayerRole {
  /** Among the layers that the detector card calls its head. */
  readonly head: boolean;
  /** The first layer of the network. */
  readonly first: boolean;
}

/** An option that is left to be found without labels, and the method at each value that is tried. */
export interface Tuning {
  /** Its name among the options. */
  readonly option: string;
  /** In the order they are tried; of equal ones the first is taken. */
  readonly candidates: readonly { readonly value: number; readonly method: Method }[];
}

/** A post-training quantization method: a record of parts. The driver in calibrate.ts is shared. */
export interface Method {
  /** As the record writes it. */
  readonly name: string;
  /** The publication, or what the method is commonly called. */
  readonly cite: string;
  /** What it does, in one sentence. */
  readonly about: string;
  /** Every option with its value, by the names that the schema has: reading them back gives an equal method. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Range of a weight, per output channel. */
  weightObserver(scheme: Scheme): Observer;
  /** The grid of a layer's weight where it is not the uniform one of that range; `role` tells heads from the rest. */
  weightLevels?(layer: Layer, scheme: Scheme, role: LayerRole): WeightLevels | undefined;
  /** Range of an activation; given masks where `selection` is set. */
  activationObserver(scheme: Scheme, seed: number): Observer;
  /** How volumes are selected; none: ranges of everything seen. */
  readonly selection?: Selection;
  /** How ranges are refined; none: they stay. */
  readonly refinement?: Refinement;
  /** How weights and grids are learned; none: weights are rounded to nearest. */
  readonly reconstruction?: Reconstruction;
  /** An option still to be found (`tuneMethod`); none: the method is complete. */
  readonly tuning?: Tuning;
}

/** The method that finds the same grids and rounds weights to nearest instead of learning them. */
export function withoutReconstruction(method: Method): Method {
  const { reconstruction: _, ...rest } = method;
  return rest;
}

/** A method's maker: `make`, with the schema that reads the same options from JSON. Options left out take their defaults. */
export const defineMethod = <O extends object, S extends z.core.$ZodLooseShape>(shape: S, make: (options: O) => Method) =>
  Object.assign((options?: O): Method => make(options ?? ({} as O)), { schema: z.strictObject(shape).partial() });
