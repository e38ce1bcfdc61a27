import { ArgumentError, InlierqError, ShapeError, StateError } from "../errors.ts";
import { identityTap, type Module, type Tap } from "../nn/index.ts";
import { bind, formatShape, type Meta, sameShape, type Tensor } from "../tensor/index.ts";
import { type GraphInput, inputTensors } from "./input.ts";
import { findLayers, type Layer, type Node, type Port } from "./layer.ts";
import { soundMetas } from "./soundMetas.ts";
import { type NormStatistics, presentStatistics, unreachedStatistics } from "./statistics.ts";

/** What a graph is built from; everything else about it follows. */
export interface GraphParts {
  /** Name of the network, for reports. */
  readonly name: string;
  /** What it takes, in order. */
  readonly inputs: readonly Port[];
  /** What it gives, in order. */
  readonly outputs: readonly Port[];
  /** In execution order. */
  readonly nodes: readonly Node[];
  /** Weights and other constants by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** What batch normalisations, folded or not, promise of the tensors they wrote, by name. Default none. */
  readonly statistics?: ReadonlyMap<string, NormStatistics>;
}

/**
 * A network as data: named ops over named tensors, and a Module that runs them.
 *
 * Every graph input and node output is announced to the tap once as `at(tensor)("output", y)`; every
 * layer's tensors as `at(layer)("input" | "weight" | "bias", x)`. Outputs are keyed by name.
 *
 * Errors: ArgumentError where a node reads a tensor nobody wrote, a name is taken twice, or an op does
 * not take its inputs (the message names the node).
 */
export class Graph implements Module<Readonly<Record<string, Tensor>>> {
  readonly name: string;
  readonly inputs: readonly Port[];
  /** What it gives, in order. */
  readonly outputs: readonly Port[];
  /** Its steps, in order of execution. */
  readonly nodes: readonly Node[];
  /** Weights and other constants by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** What batch normalisations, folded or not, promise of the tensors they wrote, by name. */
  readonly statistics: ReadonlyMap<string, NormStatistics>;
  /** In execution order. */
  readonly layers: readonly Layer[];
  /** Shape and dtype of every input, parameter and node output, free dimensions taken as 1. */
  readonly metas: ReadonlyMap<string, Meta>;
  readonly #layerOf: ReadonlyMap<string, Layer>;
  readonly #dying: readonly (readonly string[])[];

  /**
   * Checks the parts and infers every shape. Errors: ArgumentError for names that occur twice or that nothing computes,
   * ShapeError or DTypeError of an op, ShapeError for statistics of another number of channels.
   */
  constructor(parts: GraphParts) {
    this.name = parts.name;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.nodes = parts.nodes;
    this.parameters = parts.parameters;
    this.metas = inferMetas(parts);
    this.statistics = presentStatistics(parts.statistics ?? new Map(), this.metas);
    this.layers = findLayers(parts.nodes, parts.parameters);
    this.#layerOf = new Map(this.layers.map((layer) => [layer.name, layer]));
    this.#dying = lastReads(parts);
  }

  /** The layer a node is, if it is one. */
  layerOf(node: Node): Layer | undefined {
    return this.#layerOf.get(node.name);
  }

  /** Names of the tensors nobody reads after node number `index`; a streaming caller may drop them. */
  dyingAfter(index: number): readonly string[] {
    return this.#dying[index];
  }

  /**
   * Multiply-accumulates of one layer, or of all layers together, for a batch of one. Errors: ArgumentError for a name
   * that is no layer's.
   */
  macs(layerName?: string): number {
    let sum = 0;
    for (const node of this.nodes) {
      if (!this.#layerOf.has(node.name) || (layerName !== undefined && node.name !== layerName)) continue;
      sum +=
        node.op.macs?.(
          node.inputs.map((name) => this.metas.get(name) as Meta),
          node.attrs,
        ) ?? 0;
    }
    if (layerName !== undefined && !this.#layerOf.has(layerName)) {
      throw new ArgumentError("graph.macs", `the name must be a layer's, got "${layerName}" (graph ${this.name})`);
    }
    return sum;
  }

  /**
   * A copy with the named parameters replaced; names must exist and shapes must agree. Statistics of tensors that depend on
   * them are dropped, unless `statistics` says which ones hold now. Errors: ArgumentError for an unknown name, ShapeError.
   */
  withParameters(
    replaced: ReadonlyMap<string, Tensor>,
    statistics: ReadonlyMap<string, NormStatistics> = unreachedStatistics(this.statistics, this.nodes, replaced.keys()),
  ): Graph {
    const parameters = new Map(this.parameters);
    for (const [name, next] of replaced) {
      const old = parameters.get(name);
      if (!old) throw new ArgumentError("graph.withParameters", `every name must be a parameter of the graph, got "${name}"`);
      if (!sameShape(old.shape, next.shape)) {
        throw new ShapeError("graph.withParameters", `${name} must have shape ${formatShape(old.shape)}, got ${formatShape(next.shape)}`);
      }
      parameters.set(name, next);
    }
    const { name, inputs, outputs, nodes } = this;
    return new Graph({ name, inputs, outputs, nodes, parameters, statistics });
  }

  /**
   * Runs every node on the input, or on all inputs by name; intermediates are dropped after their last use. Shape: x as
   * its port says, -1 standing for any length. Errors: as `inputTensors`.
   */
  forward(x: GraphInput, tap: Tap = identityTap): Readonly<Record<string, Tensor>> {
    const env = this.begin(x, tap);
    this.nodes.forEach((node, i) => {
      runNode(this, node, env, tap);
      for (const name of this.#dying[i]) env.delete(name);
    });
    return this.finish(env);
  }

  /** The tensors present before the first node: the announced inputs. Shape: x as its port says. Errors: as `inputTensors`. */
  begin(x: GraphInput, tap: Tap = identityTap): Map<string, Tensor> {
    const tensors = inputTensors(this, x);
    return new Map(this.inputs.map(({ name }, i) => [name, tap.at(name)("output", tensors[i])]));
  }

  /**
   * Picks the graph outputs out of the tensors of a finished run. Shapes as the ports of the outputs say. Errors:
   * StateError where one is missing.
   */
  finish(env: ReadonlyMap<string, Tensor>): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.outputs.map(({ name }) => [name, fetch(this, env, name)]));
  }
}

function fetch(graph: Graph, env: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const found = env.get(name) ?? graph.parameters.get(name);
  if (!found) throw new StateError("graph.forward", `tensor "${name}" must be present, got nothing (graph ${graph.name}; was it dropped?)`);
  return found;
}

/**
 * Runs one node of `graph` on the tensors in `env`, announces what the tap may see, and adds the outputs to `env`.
 * Shapes: those the node's op takes. Errors: StateError for an input that `env` does not hold.
 */
export function runNode(graph: Graph, node: Node, env: Map<string, Tensor>, tap: Tap = identityTap): void {
  const inputs = node.inputs.map((name) => fetch(graph, env, name));
  const layer = graph.layerOf(node);
  if (layer) {
    const at = tap.at(layer.name);
    inputs[0] = at("input", inputs[0]);
    inputs[1] = at("weight", inputs[1]);
    if (inputs.length > 2) inputs[2] = at("bias", inputs[2]);
  }
  const outputs = bind(node.op, inputs, node.attrs);
  node.outputs.forEach((name, i) => env.set(name, tap.at(name)("output", outputs[i])));
}

/** Shapes of everything, which also proves that the graph is well formed. */
function inferMetas({ name: graph, inputs, outputs, nodes, parameters }: GraphParts): Map<string, Meta> {
  const metas = new Map<string, Meta>();
  const add = (name: string, meta: Meta): void => {
    if (metas.has(name)) throw new ArgumentError("graph", `every tensor must be written once, got "${name}" twice (graph ${graph})`);
    metas.set(name, meta);
  };
  for (const [name, { shape, dtype }] of parameters) add(name, { shape, dtype });
  for (const { name, shape, dtype } of inputs) add(name, { shape: shape.map((d) => (d === -1 ? 1 : d)), dtype });
  const names = new Set<string>();
  for (const node of nodes) {
    if (names.has(node.name)) throw new ArgumentError("graph", `node names must be unique, got "${node.name}" twice (graph ${graph})`);
    names.add(node.name);
    const given = node.inputs.map((name) => {
      const meta = metas.get(name);
      if (!meta)
        throw new ArgumentError("graph", `node "${node.name}" must read tensors written before it, got "${name}" (graph ${graph})`);
      return meta;
    });
    inferNode(node, given).forEach((meta, i) => add(node.outputs[i], meta));
  }
  for (const { name } of outputs) {
    if (!metas.has(name)) throw new ArgumentError("graph", `output "${name}" must be written by a node, got none (graph ${graph})`);
  }
  return metas;
}

/** Output shapes of a node, in errors that name it. */
function inferNode(node: Pick<Node, "name" | "op" | "attrs" | "outputs">, inputs: readonly Meta[]): readonly Meta[] {
  try {
    return soundMetas(node.op, inputs, node.attrs).slice(0, node.outputs.length);
  } catch (cause) {
    if (!(cause instanceof InlierqError)) throw cause;
    throw new ArgumentError("graph", `node "${node.name}" must fit its inputs, got ${cause.message}`);
  }
}

/** For every node, the tensors that no later node and no graph output reads. */
function lastReads({ inputs, outputs, nodes, parameters }: GraphParts): string[][] {
  const dying: string[][] = nodes.map(() => []);
  const kept = new Set(outputs.map((p) => p.name));
  const done = new Set<string>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    for (const name of [...nodes[i].inputs, ...nodes[i].outputs]) {
      if (done.has(name) || kept.has(name) || parameters.has(name)) continue;
      done.add(name);
      dying[i].push(name);
    }
  }
  for (const { name } of inputs) if (!done.has(name) && !kept.has(name) && nodes.length > 0) dying[0].push(name);
  return dying;
}
