import { compileViews } from "../../autograd/index.ts";
import { type Graph, type GraphInput, runNode } from "../../graph/index.ts";
import type { Tap } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { GraphModel } from "../evidence.ts";
import { type Plan, tapOf } from "../plan.ts";
import { type Answer, answerOf } from "./damage.ts";

/** A network that differs from the base only from node number `at` on. */
export interface Variant {
  readonly at: number;
  readonly plan: Plan;
}

/** Told the answer of variant `variant` to input `sample`; it holds until the next one. */
export type Visit = (variant: number, sample: number, answer: Answer) => void;

/**
 * The answers of all variants to all inputs. The base advances node by node, all inputs together; each variant is resumed
 * from its live tensors at the node where it begins to differ, recorded once and replayed for every input.
 *
 * Held at once: the live tensors of all inputs. `pause` is awaited after every variant.
 */
export async function runVariants(
  model: GraphModel,
  base: Plan,
  variants: readonly Variant[],
  inputs: readonly GraphInput[],
  visit: Visit,
  pause: () => Promise<void>,
): Promise<void> {
  const { graph } = model;
  const tap = tapOf(graph, base);
  const states = inputs.map((x) => graph.begin(x, tap));
  const last = variants.reduce((most, { at }) => Math.max(most, at), -1);
  for (let i = 0; i <= last; i++) {
    for (const [v, { at, plan }] of variants.entries()) {
      if (at !== i) continue;
      answerAll(model, i, tapOf(graph, plan), states, (sample, answer) => visit(v, sample, answer));
      await pause();
    }
    for (const env of states) {
      runNode(graph, graph.nodes[i], env, tap);
      for (const name of graph.dyingAfter(i)) env.delete(name);
    }
  }
}

function answerAll(
  model: GraphModel,
  at: number,
  tap: Tap,
  states: readonly ReadonlyMap<string, Tensor>[],
  visit: (sample: number, answer: Answer) => void,
): void {
  const live = [...states[0].keys()];
  const run = compileViews((...tensors: Tensor[]) => {
    const heads = resume(model.graph, at, new Map(live.map((name, i) => [name, tensors[i]])), tap);
    const { scores, boxes } = answerOf(model, heads);
    return { heads, read: { ...(scores && { scores }), ...(boxes && { boxes }) } };
  });
  states.forEach((env, sample) => {
    const { heads, read } = run(...live.map((name) => env.get(name) as Tensor));
    visit(sample, { heads, ...read });
  });
  run.release();
}

/** Runs a graph from node number `at` on, out of the tensors that are alive there. */
function resume(graph: Graph, at: number, env: Map<string, Tensor>, tap: Tap): Readonly<Record<string, Tensor>> {
  for (let i = at; i < graph.nodes.length; i++) {
    runNode(graph, graph.nodes[i], env, tap);
    for (const name of graph.dyingAfter(i)) env.delete(name);
  }
  return graph.finish(env);
}
