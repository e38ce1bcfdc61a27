import type { Meta, Tensor } from "../tensor.ts";
import { avgPool2d, avgPool2dInputGrad } from "./avgPool2d.ts";
import { binaryKernels } from "./binary.ts";
import type { ElementFormula } from "./chain.ts";
import { conv2d } from "./conv2d.ts";
import { conv2dInputGrad, convTranspose2d } from "./conv2dInputGrad.ts";
import { conv2dWeightGrad } from "./conv2dWeightGrad.ts";
import { fakeQuant } from "./fakeQuant.ts";
import { fakeQuantGrad } from "./fakeQuantGrad.ts";
import { maskKernels } from "./mask.ts";
import { matmul } from "./matmul.ts";
import { maxPool2d } from "./maxPool2d.ts";
import { maxPool2dIndices } from "./maxPoolIndices.ts";
import { channelMoments } from "./moments.ts";
import { moveKernels } from "./move.ts";
import { optimizerKernels } from "./optimizer.ts";
import type { Block, Epilogue, Placement } from "./placement.ts";
import { reduceKernels } from "./reduce.ts";
import { scatterAdd } from "./scatter.ts";
import { topk } from "./topk.ts";
import { unaryKernels } from "./unary.ts";

/**
 * How far a kernel may lie from the reference: "exact" means the same bits; `terms` is K in
 * |fast - ref| <= K u / (1 - K u) sum|a b| + K 2^-150 + half an ulp of ref, u = 2^-24 (the middle term is what
 * subnormal products lose); `ulps` counts units in the last place of the reference, subnormals counting 2^-149;
 * `absolute` is a distance. `terms` holds for finite inputs: a convolution here multiplies the zeros of its padding, so
 * an infinite or NaN weight makes NaN of a border that the reference, which skips them, leaves finite.
 */
export type Bound = "exact" | { readonly terms: number } | { readonly ulps: number } | { readonly absolute: number };

/** Runs a placed call on the values that lie in its inputs now. */
export type Run = () => void;

/** A fast implementation of one op, held to the reference within `bound`. */
export interface FastKernel {
  /**
   * Prepares a call whose values come later; undefined where the kernel does not support it. The run writes every
   * element of the outputs, reads and writes blocks only where they lie, and allocates nothing that lasts.
   */
  place(call: Placement): Run | undefined;
  /** As `place`, where every task ends with the steps of an epilogue on what it wrote of the first output. */
  placeWith?(call: Placement, epilogue: Epilogue): Run | undefined;
  /** Given where support depends on values: whether a placed call may run on these. */
  accepts?(inputs: readonly Pick<Block, "shape" | "data">[], attrs: unknown): boolean;
  /**
   * Given for maps from element to element (inputs of one element count for all): whether the attributes leave it one.
   * Such a call may be placed and run in pieces, also with the output in place of an input.
   */
  elementwise?(attrs: unknown): boolean;
  /**
   * Given for maps from element to element: the call on vectors, where all inputs have the size of the output or one
   * element; undefined where the attributes or dtypes do not allow it. The bits are those of a placed call.
   */
  formula?(inputs: readonly Tensor[], attrs: unknown, outputs: readonly Meta[]): ElementFormula | undefined;
  /** The distance to the reference that a supported call keeps. */
  bound(inputs: readonly Meta[], attrs: unknown): Bound;
}

/** The fast kernels by op name. */
export const kernels: Readonly<Record<string, FastKernel>> = {
  ...unaryKernels,
  ...binaryKernels,
  ...maskKernels,
  ...moveKernels,
  ...reduceKernels,
  ...optimizerKernels,
  channelMoments,
  fakeQuant,
  fakeQuantGrad,
  matmul,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  convTranspose2d,
  maxPool2d,
  maxPool2dIndices,
  avgPool2d,
  avgPool2dInputGrad,
  scatterAdd,
  topk,
};
