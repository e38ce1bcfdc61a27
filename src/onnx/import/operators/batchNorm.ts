import { foldIntoConvolution } from "../../../graph/index.ts";
import { batchNorm } from "../../../tensor/index.ts";
import type { OperatorRow } from "../call.ts";

/**
 * y = (x - mean) / sqrt(variance + epsilon) * scale + shift, with running statistics. Folded into the
 * convolution before it where nothing else reads that convolution's output; an op of its own elsewhere.
 */
const row: OperatorRow = {
  type: "BatchNormalization",
  build(call) {
    call.attributes.ignore("momentum", "spatial");
    if (call.attributes.int("training_mode", 0) !== 0 || call.outputCount > 1) call.fail("inference form is needed, got a training form");
    const x = call.input(0);
    const epsilon = call.attributes.float("epsilon", Math.fround(1e-5));
    const [weight, bias, mean, variance] = [1, 2, 3, 4].map((i) => call.constant(i));
    const channels = x.meta.shape[1];
    for (const t of [weight, bias, mean, variance]) {
      if (t.size !== channels) call.fail(`scale, bias, mean and variance must have ${channels} entries, got ${t.size}`);
    }
    if (variance.data.some((v: number) => !(v + epsilon > 0))) call.fail("variance + epsilon must be positive, got a value that is not");
    const statistics = { weight, bias, mean, variance, epsilon };
    if (foldIntoConvolution(call.builder, x, statistics, { output: call.outputName, bias: call.input(2).name })) {
      call.define({ meta: x.meta });
      return;
    }
    call.write(batchNorm, [x, ...[1, 2, 3, 4].map((i) => call.input(i))], { eps: epsilon });
  },
};

export const batchNormRows: readonly OperatorRow[] = [row];
