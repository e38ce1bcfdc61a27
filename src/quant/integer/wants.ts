import type { Graph, Node } from "../../graph/index.ts";
import { add } from "../../tensor/index.ts";
import type { Plan } from "../plan.ts";
import { type Reach, reachOf, readersOf } from "./activation.ts";
import { type Form, isGrid } from "./finishRecord.ts";
import type { Grid } from "./grid.ts";
import { type IntegerLayer, integerLayer } from "./integerLayer.ts";
import { movedGrids } from "./moves.ts";
import { keyOf } from "./step.ts";

/** What one node becomes. */
export type Role =
  | { readonly kind: "integer"; readonly layer: IntegerLayer; readonly reach: Reach }
  | { readonly kind: "moved"; readonly grid: Grid; readonly inputs: readonly Grid[] }
  | { readonly kind: "sum" | "simulated" | "float" };

/** The program before any step exists: what every node becomes, and the forms every tensor is wanted in. */
export interface Program {
  /** By node name; nodes that an integer layer has taken in, or nobody needs, are absent. */
  readonly roles: ReadonlyMap<string, Role>;
  readonly forms: ReadonlyMap<string, readonly Form[]>;
}

/** The forms readers want of each tensor, in the order they were asked for. */
class Wants {
  readonly #byTensor = new Map<string, Map<string, Form>>();

  add(tensor: string, form: Form): void {
    const forms = this.#byTensor.get(tensor) ?? new Map<string, Form>();
    forms.set(keyOf({ tensor, form }), form);
    this.#byTensor.set(tensor, forms);
  }

  of(tensor: string): readonly Form[] {
    return [...(this.#byTensor.get(tensor)?.values() ?? [])];
  }

  all(): Map<string, readonly Form[]> {
    return new Map([...this.#byTensor.keys()].map((tensor) => [tensor, this.of(tensor)]));
  }
}

/**
 * Decides from the outputs back what runs on codes: quantized convolutions with the activations behind them, and moves and
 * maxima whose only readers want codes on one grid. Everything else stays in float.
 */
export function programOf(graph: Graph, plan: Plan): Program {
  const { layers, absorbed } = integerLayers(graph, plan);
  const sums = sumsOf(graph, layers, absorbed);
  const wants = new Wants();
  const roles = new Map<string, Role>();
  for (const { name } of graph.outputs) wants.add(name, "float");
  for (const node of graph.nodes.toReversed()) {
    if (absorbed.has(node)) continue;
    const found = layers.get(node.name);
    const wanted = found ? wants.of(found.reach.output) : node.outputs.flatMap((name) => wants.of(name));
    if (wanted.length === 0) continue;
    if (found) {
      roles.set(node.name, { kind: "integer", ...found });
      wants.add(found.layer.layer.input, found.layer.input);
      continue;
    }
    if (sums.has(node)) {
      roles.set(node.name, { kind: "sum" });
      for (const name of node.inputs) wants.add(name, "stored");
      continue;
    }
    const role = plainRole(graph, plan, node, wanted);
    roles.set(node.name, role);
    node.inputs.forEach((name, i) => {
      if (!graph.parameters.has(name)) wants.add(name, role.kind === "moved" ? role.inputs[i] : "float");
    });
  }
  return { roles, forms: wants.all() };
}

interface Found {
  readonly layer: IntegerLayer;
  readonly reach: Reach;
}

/** The layers that run in integers, by name, and the nodes behind them that they take in. */
function integerLayers(graph: Graph, plan: Plan): { layers: Map<string, Found>; absorbed: Set<Node> } {
  const readers = readersOf(graph);
  const kept = new Set(graph.outputs.map((p) => p.name));
  const layers = new Map<string, Found>();
  const absorbed = new Set<Node>();
  for (const layer of graph.layers) {
    const integer = plan.layers.has(layer.name) ? integerLayer(graph, plan, layer) : undefined;
    if (!integer) continue;
    const reach = reachOf(layer.output, readers, kept);
    layers.set(layer.name, { layer: integer, reach });
    for (const node of reach.nodes) absorbed.add(node);
  }
  return { layers, absorbed };
}

/** Sums of two tensors of one shape that integer layers or such sums make: residual connections. */
function sumsOf(graph: Graph, layers: ReadonlyMap<string, Found>, absorbed: ReadonlySet<Node>): Set<Node> {
  const stored = new Map([...layers.values()].map(({ reach }) => [reach.output, `${graph.metas.get(reach.output)?.shape}`]));
  const sums = new Set<Node>();
  for (const node of graph.nodes) {
    const [a, b] = node.inputs;
    if (node.op !== add.def || absorbed.has(node) || !stored.has(a) || stored.get(a) !== stored.get(b)) continue;
    sums.add(node);
    stored.set(node.outputs[0], stored.get(a)!);
  }
  return sums;
}

function plainRole(graph: Graph, plan: Plan, node: Node, wanted: readonly Form[]): Role {
  const [form] = wanted;
  if (wanted.length === 1 && isGrid(form)) {
    const inputs = movedGrids(node, form, graph);
    if (inputs) return { kind: "moved", grid: form, inputs };
  }
  return { kind: plan.layers.has(node.name) && graph.layerOf(node) ? "simulated" : "float" };
}
