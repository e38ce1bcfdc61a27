import type { Operand } from "../../../graph/index.ts";
import { cast, div, equal, gather, indexSelect, logSoftmax, mean, mul, neg, sum, where } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { positions } from "./positions.ts";

/** Everything reduced to one number. */
const all = (x: Operand) => ({ dim: x.meta.shape.map((_, i) => i), keepdim: false });

/** Log probabilities [N, C, ...], class numbers [N, ...] and a weight for each class. */
interface Targets {
  readonly logs: Operand;
  readonly target: Operand;
  readonly weight: Operand | undefined;
}

/** Class numbers with 0 in place of ignored ones, and what each element weighs: 0 where it is ignored. */
function weighed(call: NodeCall, { logs, target, weight }: Targets): { index: Operand; factor: Operand | undefined } {
  const classes = logs.meta.shape[1];
  const index = call.converted("classes", target, "i32");
  const ignored = call.attributes.has("ignore_index") ? call.attributes.int("ignore_index", 0) : undefined;
  const skip = ignored === undefined ? undefined : call.emit("ignored", equal, [index, call.number("ignoredClass", ignored, index)], {});
  const safe = skip ? call.emit("safe", where, [skip, call.number("firstClass", 0, index), index], {}) : index;
  const named = positions(call, safe, classes, "class");
  const { dtype } = logs.meta;
  const flat = weight && call.shaped("line", named, [named.meta.shape.reduce((a, d) => a * d, 1)]);
  const own = flat && call.shaped("weights", call.emit("weightsLine", indexSelect, [weight, flat], { dim: 0 }), named.meta.shape);
  if (!skip) return { index: named, factor: own };
  const kept = call.emit("kept", cast, [call.emit("notIgnored", equal, [skip, call.number("no", 0, skip)], {})], { dtype });
  return { index: named, factor: own ? call.emit("keptWeights", mul, [own, kept], {}) : kept };
}

/** -logs[target] weight[target], as it is, summed, or divided by the sum of the weights. */
function nll(call: NodeCall, targets: Targets): Operand {
  const reduction = call.attributes.string("reduction", "mean");
  const { logs } = targets;
  const [n, , ...rest] = logs.meta.shape;
  const { index, factor } = weighed(call, targets);
  const picked = call.emit("picked", gather, [logs, call.shaped("column", index, [n, 1, ...rest])], { dim: 1 });
  const loss = call.emit("loss", neg, [call.shaped("elements", picked, [n, ...rest])], {});
  const each = factor ? call.emit("weighed", mul, [loss, factor], {}) : loss;
  if (reduction === "none") return each;
  if (reduction !== "sum" && reduction !== "mean") call.fail(`reduction must be none, sum or mean, got ${reduction}`);
  if (reduction === "mean" && !factor) return call.emit("average", mean, [each], all(each));
  const total = call.emit("total", sum, [each], all(each));
  return reduction === "mean" && factor ? call.emit("average", div, [total, call.emit("weight", sum, [factor], all(factor))], {}) : total;
}

const negativeLogLikelihood: OperatorRow = {
  type: "NegativeLogLikelihoodLoss",
  build: (call) => call.settle(nll(call, { logs: call.input(0), target: call.input(1), weight: call.optional(2) })),
};

/** The second output is the log probabilities. */
const softmaxCrossEntropy: OperatorRow = {
  type: "SoftmaxCrossEntropyLoss",
  build(call) {
    const logs = call.emit("logs", logSoftmax, [call.input(0)], { dim: 1 });
    call.settle(nll(call, { logs, target: call.input(1), weight: call.optional(2) }));
    if (call.writes(1)) call.settle(logs, 1);
  },
};

export const lossRows: readonly OperatorRow[] = [negativeLogLikelihood, softmaxCrossEntropy];
