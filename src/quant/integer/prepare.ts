import { ShapeError } from "../../errors.ts";
import { type Graph, type GraphInput, inputTensors, type Node } from "../../graph/index.ts";
import { formatShape, Tensor } from "../../tensor/index.ts";
import { type Plan, tapOf } from "../plan.ts";
import { convStep, type Tables } from "./convStep.ts";
import { type Form, isGrid } from "./finishRecord.ts";
import { groupFloats } from "./floatGroup.ts";
import { floatStep, quantizeStep, simulatedStep } from "./floatStep.ts";
import { type Placed, place } from "./layout.ts";
import { MOVES } from "./moves.ts";
import type { Draft, Floats, Step, Value } from "./step.ts";
import { sumStep } from "./sumStep.ts";
import { type Program, programOf, type Role } from "./wants.ts";

/**
 * A quantized model ready to run in integers: packed weights, tables and codes in a memory of its own, and the steps in
 * execution order. It holds no state between two inferences, but one memory: they must not overlap.
 */
export interface IntegerModel {
  /** The float graph it came from. */
  readonly graph: Graph;
  /** Grids of its quantized tensors. */
  readonly plan: Plan;
  readonly steps: readonly Step[];
  /** For each step, the float values nobody reads after it. */
  readonly dropped: readonly (readonly string[])[];
  readonly memory: Omit<Placed, "steps">;
}

/**
 * Packs a quantized model for inference in integers. It computes what `graph.forward(x, tapOf(graph, plan))` simulates:
 * quantized convolutions multiply 8-bit codes exactly in int32, every other reader of a tensor reads its float value.
 *
 * Errors: ArgumentError where a layer's sums could leave int32; StateError without memory.
 */
export function prepareInteger(graph: Graph, plan: Plan): IntegerModel {
  const { steps, ...memory } = place(groupFloats(graph, draftsOf(graph, plan, programOf(graph, plan))));
  return { graph, plan, steps, dropped: droppedAfter(graph, steps), memory };
}

function draftsOf(graph: Graph, plan: Plan, { roles, forms }: Program): Draft[] {
  const shapeOf = (tensor: string): readonly number[] => graph.metas.get(tensor)!.shape;
  const asValue = (tensor: string, form: Form): Value => ({ tensor, form, shape: shapeOf(tensor) });
  const drafts: Draft[] = [];
  const tables: Tables = new Map();
  const simulated = new Set([...roles].filter(([, role]) => role.kind === "simulated").map(([name]) => name));
  const tap = tapOf(graph, { ...plan, layers: simulated });
  /** Codes of a tensor that exists as floats. */
  const quantized = (tensor: string): void => {
    for (const form of forms.get(tensor) ?? []) {
      if (isGrid(form)) drafts.push(quantizeStep(asValue(tensor, "float"), asValue(tensor, form), form));
    }
  };
  const add = (node: Node, role: Role): void => {
    if (role.kind === "integer") {
      const { layer, reach } = role;
      const wanted = forms.get(reach.output) ?? [];
      const writes = wanted.map((form) => asValue(reach.output, form));
      const read = asValue(layer.layer.input, layer.input);
      drafts.push(convStep(layer, { activation: reach.activation, forms: wanted }, read, writes, shapeOf(reach.output), tables));
    } else if (role.kind === "moved") {
      const reads = node.inputs.map((name, i) => asValue(name, role.inputs[i]));
      drafts.push(MOVES.get(node.op)!.step(node, reads, asValue(node.outputs[0], role.grid), role.grid));
    } else if (role.kind === "sum") {
      const writes = (forms.get(node.outputs[0]) ?? []).map((form) => asValue(node.outputs[0], form));
      drafts.push(sumStep(node, [asValue(node.inputs[0], "stored"), asValue(node.inputs[1], "stored")], writes));
    } else {
      const reads = [...new Set(node.inputs)].filter((name) => !graph.parameters.has(name)).map((name) => asValue(name, "float"));
      const writes = node.outputs.map((name) => asValue(name, "float"));
      drafts.push(role.kind === "simulated" ? simulatedStep(graph, node, reads, writes, tap) : floatStep(graph, node, reads, writes));
      node.outputs.forEach(quantized);
    }
  };
  for (const { name } of graph.inputs) quantized(name);
  for (const node of graph.nodes) {
    const role = roles.get(node.name);
    if (role) add(node, role);
  }
  return drafts;
}

function droppedAfter(graph: Graph, steps: readonly Step[]): string[][] {
  const kept = new Set(graph.outputs.map((p) => p.name));
  return steps
    .toReversed()
    .map(({ reads, writes }) => {
      const dropped = [...reads, ...writes].filter(({ form, tensor }) => form === "float" && !kept.has(tensor)).map((v) => v.tensor);
      for (const name of dropped) kept.add(name);
      return [...new Set(dropped)];
    })
    .reverse();
}

/**
 * Runs a prepared model on x [N, …], or on all inputs by name, one image at a time. Returns the graph's outputs by name,
 * as `graph.forward` does.
 *
 * Errors: as `inputTensors`; ShapeError where N > 1 meets a graph whose outputs have no batch of their own.
 */
export function inferInteger(model: IntegerModel, x: GraphInput): Readonly<Record<string, Tensor>> {
  const { graph } = model;
  const tensors = inputTensors(graph, x);
  const free = graph.inputs.findIndex(({ shape }) => shape[0] === -1);
  const batch = free < 0 ? 1 : tensors[free].shape[0];
  if (batch === 1) return inferOne(model, x);
  const fixed = graph.outputs.find(({ shape }) => shape[0] !== -1);
  if (fixed) {
    throw new ShapeError(
      "inferInteger",
      `every output must have a free batch as its first axis, got ${fixed.name}${formatShape(fixed.shape)} (batch ${batch})`,
    );
  }
  const images = Array.from({ length: batch }, (_, n) =>
    inferOne(
      model,
      Object.fromEntries(graph.inputs.map(({ name, shape }, i) => [name, shape[0] === -1 ? imageOf(tensors[i], n) : tensors[i]])),
    ),
  );
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, stacked(images.map((outputs) => outputs[name]))]));
}

/** Image n of a batch, as a batch of one. */
function imageOf({ shape, dtype, data }: Tensor, n: number): Tensor {
  const size = data.length / shape[0];
  return new Tensor([1, ...shape.slice(1)], dtype, data.subarray(n * size, (n + 1) * size));
}

function inferOne({ graph, steps, dropped }: IntegerModel, x: GraphInput): Readonly<Record<string, Tensor>> {
  const floats: Floats = graph.begin(x);
  steps.forEach((step, i) => {
    step.run(floats);
    for (const name of dropped[i]) floats.delete(name);
  });
  return graph.finish(floats);
}

function stacked(parts: readonly Tensor[]): Tensor {
  const [{ shape, size }] = parts;
  const data = new Float32Array(size * parts.length);
  parts.forEach((part, n) => data.set(part.data, n * size));
  return new Tensor([parts.length * shape[0], ...shape.slice(1)], "f32", data);
}
