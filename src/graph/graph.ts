import { StateError } from "../errors.ts";
import { identityTap, type Module, type Tap } from "../nn/index.ts";
import type { AnyOp, Tensor } from "../tensor/index.ts";

/**
 * One step of a network: an op of ours over named tensors. Names are the imported file's.
 * `inputs` name graph inputs, parameters or outputs of earlier nodes.
 */
export interface Node {
  readonly name: string;
  readonly op: AnyOp;
  readonly attrs: unknown;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A named graph input or output; -1 marks a free dimension. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Tensor["dtype"];
}

/** A node that carries weights and multiplies: what post-training quantization works on. */
export interface Layer {
  /** The node's name. */
  readonly name: string;
  readonly kind: "conv2d" | "convTranspose2d" | "matmul";
  /** Name of the activation tensor it reads: the activation site. */
  readonly input: string;
  readonly weight: string;
  readonly bias: string | undefined;
  readonly output: string;
  readonly attrs: unknown;
  readonly groups: number;
  /** True when every input channel meets its own filters only. */
  readonly depthwise: boolean;
  /** Axis of `weight` that runs over output channels. */
  readonly channelAxis: number;
}
