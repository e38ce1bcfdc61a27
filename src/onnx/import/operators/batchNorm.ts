import { foldBatchNorm } from "../../../nn/index.ts";
import { batchNorm, conv2d, convTranspose2d, type Tensor } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import type { Operand } from "../operand.ts";

/**
 * y = (x - mean) / sqrt(variance + epsilon) * scale + shift, with running statistics. Folded into the
 * convolution before it where nothing else reads that convolution's output; an op of its own elsewhere.
 */
const row: OperatorRow = {
  type: "BatchNormalization",
  build(call) {
    call.attributes.ignore("momentum");
    if (call.attributes.int("spatial", 1) !== 1) call.fail("spatial must be 1, got statistics of single elements");
    const training = call.opset < 7 ? call.attributes.int("is_test", 0) === 0 : call.attributes.int("training_mode", 0) !== 0;
    if (training || call.outputCount > 1) call.fail("inference form is needed, got a training form");
    const x = call.input(0);
    const epsilon = call.attributes.float("epsilon", Math.fround(1e-5));
    const parameters = [1, 2, 3, 4].map((i) => call.input(i));
    if (parameters.some((p) => !p.value)) return call.write(batchNorm, [x, ...parameters], { eps: epsilon });
    const [weight, bias, mean, variance] = [1, 2, 3, 4].map((i) => call.constant(i));
    const channels = x.meta.shape[1];
    for (const t of [weight, bias, mean, variance]) {
      if (t.size !== channels) call.fail(`scale, bias, mean and variance must have ${channels} entries, got ${t.size}`);
    }
    if (variance.data.some((v: number) => !(v + epsilon > 0))) call.fail("variance + epsilon must be positive, got a value that is not");
    const statistics = { weight, bias, mean, variance, epsilon };
    if (foldIntoConvolution(call, x, statistics)) return undefined;
    return call.write(batchNorm, [x, ...parameters], { eps: epsilon });
  },
};

/** Rewrites the convolution that writes `x`; false where there is none or something else reads `x` or the weight. */
function foldIntoConvolution(call: NodeCall, x: Operand, statistics: Parameters<typeof foldBatchNorm>[2]): boolean {
  const { builder } = call;
  const node = builder.producerOf(x.name);
  if (!node || builder.readersOf(x.name) !== 1) return false;
  const axis = node.op === conv2d.def ? 0 : node.op === convTranspose2d.def && groupsOf(node.attrs) === 1 ? 1 : undefined;
  const [input, weightName, biasName] = node.inputs;
  const weight = builder.parameters.get(weightName);
  const bias = biasName === undefined ? undefined : builder.parameters.get(biasName);
  if (axis === undefined || !weight || (biasName !== undefined && !bias)) return false;
  const folded = foldBatchNorm(weight, bias, statistics, axis);
  const own = (name: string, value: Tensor): string => {
    const free = builder.readersOf(name) === 1;
    const kept = free ? name : builder.freshName(`${name}/folded`);
    builder.parameters.set(kept, value);
    return kept;
  };
  const output = call.outputName;
  const inputs = [input, own(weightName, folded.weight), own(biasName ?? call.input(2).name, folded.bias)];
  builder.replace(node, { ...node, inputs, outputs: [output] });
  call.define({ meta: x.meta });
  return true;
}

const groupsOf = (attrs: unknown): number =>
  typeof attrs === "object" && attrs !== null && "groups" in attrs && typeof attrs.groups === "number" ? attrs.groups : 1;

export const batchNormRows: readonly OperatorRow[] = [row];
