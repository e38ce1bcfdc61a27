import { type BatchNormStatistics, foldBatchNorm } from "../../nn/index.ts";
import { conv2d, convTranspose2d, type Tensor } from "../../tensor/index.ts";
import { normStatistics } from "../statistics.ts";
import type { GraphBuilder } from "./builder.ts";
import type { Operand } from "./operand.ts";

/** Names that a folded normalisation brings along. */
interface Names {
  /** What the normalisation writes; the convolution writes it from now on. */
  readonly output: string;
  /** Of the bias, where the convolution has none of its own. */
  readonly bias: string;
}

/**
 * Folds a batch normalisation with known statistics into the convolution that writes `x`. False, and nothing changed, where
 * there is none, where something else reads `x`, or where the convolution's weights are not known. What the normalisation
 * promises of its output is kept with the graph.
 */
export function foldIntoConvolution(builder: GraphBuilder, x: Operand, statistics: BatchNormStatistics, names: Names): boolean {
  const node = builder.producerOf(x.name);
  if (!node || builder.readersOf(x.name) !== 1) return false;
  const axis = node.op === conv2d.def ? 0 : node.op === convTranspose2d.def && groupsOf(node.attrs) === 1 ? 1 : undefined;
  const [input, weightName, biasName] = node.inputs;
  const weight = builder.parameters.get(weightName);
  const bias = biasName === undefined ? undefined : builder.parameters.get(biasName);
  if (axis === undefined || !weight || (biasName !== undefined && !bias)) return false;
  const folded = foldBatchNorm(weight, bias, statistics, axis);
  const own = (name: string, value: Tensor): string => {
    const kept = builder.readersOf(name) === 1 ? name : builder.freshName(`${name}/folded`);
    builder.parameters.set(kept, value);
    return kept;
  };
  const inputs = [input, own(weightName, folded.weight), own(biasName ?? names.bias, folded.bias)];
  builder.replace(node, { ...node, inputs, outputs: [names.output] });
  builder.statistics.delete(x.name);
  builder.statistics.set(names.output, normStatistics(statistics));
  return true;
}

const groupsOf = (attrs: unknown): number =>
  typeof attrs === "object" && attrs !== null && "groups" in attrs && typeof attrs.groups === "number" ? attrs.groups : 1;
