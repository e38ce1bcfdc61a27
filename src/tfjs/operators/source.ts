import type { OperatorRow } from "../call.ts";

/** A stored tensor: the manifest has its values under the node's name. */
const constRow: OperatorRow = {
  op: "Const",
  build(call) {
    call.define(call.shared.weights.get(call.node.name) ?? call.fail("a constant must be stored in the weights, got none"));
  },
};

/** Where the pictures come in. */
const placeholder: OperatorRow = { op: "Placeholder", build: (call) => call.input(call.attributes.shape("shape")) };

/**
 * The end of a loop that prepares pictures one by one: the graph starts behind it, with the loop's result as its input.
 * Departure: the loop (resizing, normalisation) is left to the card.
 */
const prepared: OperatorRow = {
  op: "TensorListStack",
  reads: (node) => node.input.slice(1, 2),
  build(call) {
    call.input([1, ...call.numbers(1)]);
  },
};

export const sourceRows: readonly OperatorRow[] = [constRow, placeholder, prepared];
