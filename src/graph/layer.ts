import { type AnyOp, conv2d, convTranspose2d, type Meta, matmul, type Tensor } from "../tensor/index.ts";

/**
 * One step of a network: an op of ours over named tensors. Names are the imported file's.
 * `inputs` name graph inputs, parameters or outputs of earlier nodes.
 */
export interface Node {
  readonly name: string;
  readonly op: AnyOp;
  /** The op's options, filled in. */
  readonly attrs: unknown;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A named graph input or output; -1 marks a free dimension. */
export interface Port {
  /** Name of the tensor. */
  readonly name: string;
  /** Axis lengths, outermost first. */
  readonly shape: readonly number[];
  /** Type of the elements. */
  readonly dtype: Tensor["dtype"];
}

/** A node that carries weights and multiplies: what post-training quantization works on. */
export interface Layer {
  /** The node's name. */
  readonly name: string;
  /** What it computes. */
  readonly kind: "conv2d" | "convTranspose2d" | "matmul";
  /** Name of the activation tensor it reads: the activation site. */
  readonly input: string;
  /** Name of its weight, a parameter. */
  readonly weight: string;
  /** Name of its bias, where there is one. */
  readonly bias: string | undefined;
  /** Name of the tensor it writes. */
  readonly output: string;
  /** The op's options, filled in. */
  readonly attrs: unknown;
  /** Number of groups that channels are cut into; 1 for a matrix product. */
  readonly groups: number;
  /** True when every input channel meets its own filters only. */
  readonly depthwise: boolean;
  /** Axis of `weight` that runs over output channels. */
  readonly channelAxis: number;
}

/** How one op reads as a layer, given its weight's shape; undefined where it does not. */
type Reading = (weight: Meta, groups: number) => Pick<Layer, "kind" | "depthwise" | "channelAxis"> | undefined;

const READINGS: ReadonlyMap<AnyOp, Reading> = new Map<AnyOp, Reading>([
  [conv2d.def, (w, groups) => ({ kind: "conv2d", depthwise: groups > 1 && w.shape[1] === 1, channelAxis: 0 })],
  [
    convTranspose2d.def,
    (w, groups) => {
      const depthwise = groups > 1 && groups === w.shape[0];
      return { kind: "convTranspose2d", depthwise, channelAxis: depthwise && w.shape[1] === 1 ? 0 : 1 };
    },
  ],
  [matmul.def, (w) => (w.shape.length === 2 ? { kind: "matmul", depthwise: false, channelAxis: 1 } : undefined)],
]);

const groupsOf = (attrs: unknown): number =>
  typeof attrs === "object" && attrs !== null && "groups" in attrs && typeof attrs.groups === "number" ? attrs.groups : 1;

/** The layers among `nodes`: multiplying ops whose second input, and third if any, is a parameter and whose first is not. */
export function findLayers(nodes: readonly Node[], parameters: ReadonlyMap<string, Meta>): Layer[] {
  const layers: Layer[] = [];
  for (const { name, op, attrs, inputs, outputs } of nodes) {
    const [input, weight, bias] = inputs;
    const meta = parameters.get(weight);
    if (!meta || parameters.has(input) || (bias !== undefined && !parameters.has(bias))) continue;
    const groups = groupsOf(attrs);
    const reading = READINGS.get(op)?.(meta, groups);
    if (reading) layers.push({ name, ...reading, input, weight, bias, output: outputs[0], attrs, groups });
  }
  return layers;
}
