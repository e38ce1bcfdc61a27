import { ArgumentError } from "../../errors.ts";
import type { Graph, Layer, Node } from "../../graph/index.ts";
import { clamp, fakeQuant, formatShape, maximum, minimum, sameShape } from "../../tensor/index.ts";

/** Which tensors of two graphs are the same. */
export interface Pairing {
  readonly matchedBy: "name" | "position";
  /** Every layer of the first graph with its counterpart, in execution order. */
  readonly layers: ReadonlyMap<Layer, Layer>;
  /** Names of tensors of the second graph to names in the first: inputs, outputs of layers, and others that neither graph's quantizers make. */
  readonly tensors: ReadonlyMap<string, string>;
  /** Every output of the first graph with its counterpart. */
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * Finds the counterparts of all layers: by the layer's name or its output's, else by position where both graphs hold alike
 * layers in the same order.
 *
 * Errors: ArgumentError saying how many matched where neither finds all, and where inputs or outputs differ.
 */
export function pairGraphs(model: Graph, other: Graph): Pairing {
  const named = layersByName(model, other);
  const complete = named.size === model.layers.length && named.size === other.layers.length;
  const layers = complete ? named : layersByPosition(model, other);
  if (!layers) throw unmatched(model, other, named);
  const matchedBy = complete ? "name" : "position";
  const inner = complete ? tensorsByName(model, other) : tensorsByPosition(model, other);
  const tensors = new Map([...inputsOf(model, other), ...inner, ...Array.from(layers, ([l, o]): [string, string] => [o.output, l.output])]);
  return { matchedBy, layers, tensors, outputs: outputsOf(model, other) };
}

const shapeOf = (graph: Graph, name: string): readonly number[] => graph.metas.get(name)?.shape ?? [];

function layersByName(model: Graph, other: Graph): Map<Layer, Layer> {
  const byName = new Map(other.layers.map((layer) => [layer.name, layer]));
  const byOutput = new Map(other.layers.map((layer) => [layer.output, layer]));
  const pairs = new Map<Layer, Layer>();
  const taken = new Set<Layer>();
  for (const layer of model.layers) {
    const found = [byName.get(layer.name), byOutput.get(layer.output)].find((c) => c && !taken.has(c) && alike(model, layer, other, c));
    if (!found) continue;
    taken.add(found);
    pairs.set(layer, found);
  }
  return pairs;
}

function layersByPosition(model: Graph, other: Graph): Map<Layer, Layer> | undefined {
  if (model.layers.length !== other.layers.length) return undefined;
  const pairs = new Map(model.layers.map((layer, i) => [layer, other.layers[i]]));
  return [...pairs].every(([a, b]) => alike(model, a, other, b)) ? pairs : undefined;
}

/** Whether two layers compute the same kind of thing on weights and outputs of the same shapes. */
function alike(model: Graph, a: Layer, other: Graph, b: Layer): boolean {
  const same = (x: string, y: string): boolean => sameShape(shapeOf(model, x), shapeOf(other, y));
  return a.kind === b.kind && a.groups === b.groups && same(a.weight, b.weight) && same(a.output, b.output);
}

function unmatched(model: Graph, other: Graph, named: ReadonlyMap<Layer, Layer>): ArgumentError {
  const [count, total] = [model.layers.length, other.layers.length];
  const missing = model.layers.find((layer) => !named.has(layer));
  const at = model.layers.findIndex((layer, i) => !other.layers[i] || !alike(model, layer, other, other.layers[i]));
  const order = count === total ? `their order differs at layer ${at + 1}` : `the numbers of layers differ, ${count} and ${total}`;
  const first = missing ? `; the first without a counterpart is "${missing.name}"` : "";
  return new ArgumentError(
    "compare",
    `every layer must have a counterpart in the other model, got ${named.size} of ${count} matched by name${first} (nor by position: ${order})`,
  );
}

function inputsOf(model: Graph, other: Graph): [string, string][] {
  const text = (graph: Graph): string => graph.inputs.map((p) => `${p.dtype}${formatShape(shapeOf(graph, p.name))}`).join(", ");
  if (text(model) !== text(other))
    throw new ArgumentError("compare", `both models must read the same input, got ${text(model)} and ${text(other)}`);
  return other.inputs.map((port, i) => [port.name, model.inputs[i].name]);
}

function outputsOf(model: Graph, other: Graph): Map<string, string> {
  const fits = (a: string, b: string | undefined): b is string => b !== undefined && sameShape(shapeOf(model, a), shapeOf(other, b));
  const names = new Set(other.outputs.map((p) => p.name));
  const byName = model.outputs.every(({ name }) => names.has(name) && fits(name, name));
  const pairs = new Map<string, string>();
  model.outputs.forEach(({ name }, i) => {
    const partner = byName ? name : other.outputs[i]?.name;
    if (!fits(name, partner)) {
      const got = partner === undefined ? "none" : `"${partner}" ${formatShape(shapeOf(other, partner))}`;
      throw new ArgumentError(
        "compare",
        `output "${name}" ${formatShape(shapeOf(model, name))} must have a counterpart in the other model, got ${got}`,
      );
    }
    pairs.set(name, partner);
  });
  return pairs;
}

/** Tensors of the same name and shape that the same op makes. */
function tensorsByName(model: Graph, other: Graph): Map<string, string> {
  const ops = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node.op])));
  const [ours, theirs] = [quantizerMade(model), quantizerMade(other)];
  const pairs = new Map<string, string>();
  for (const { op, outputs } of other.nodes) {
    for (const name of outputs) {
      const same = ops.get(name) === op && sameShape(shapeOf(model, name), shapeOf(other, name));
      if (same && !ours.has(name) && !theirs.has(name)) pairs.set(name, name);
    }
  }
  return pairs;
}

/** All tensors, in order, where the graphs are the same but for quantizers; none otherwise. */
function tensorsByPosition(model: Graph, other: Graph): Map<string, string> {
  const [ours, theirs] = [plainNodes(model), plainNodes(other)];
  const same = ours.every((a, i) => {
    const b = theirs[i];
    return b?.op === a.op && sameShape(shapeOf(model, a.outputs[0]), shapeOf(other, b.outputs[0])) && a.outputs.length === b.outputs.length;
  });
  if (!same || ours.length !== theirs.length) return new Map();
  return new Map(theirs.flatMap(({ outputs }, i) => outputs.map((name, k): [string, string] => [name, ours[i].outputs[k]])));
}

function plainNodes(graph: Graph): Node[] {
  const made = quantizerMade(graph);
  return graph.nodes.filter((node) => !made.has(node.outputs[0]));
}

/** Names of the tensors that fakeQuant makes, and clips that only fakeQuant reads: they are parts of a quantizer. */
export function quantizerMade(graph: Graph): ReadonlySet<string> {
  const kept = new Set(graph.outputs.map((p) => p.name));
  const made = new Set<string>();
  for (const node of graph.nodes.toReversed()) {
    const [output] = node.outputs;
    if (node.op === fakeQuant.def || (isClip(graph, node) && !kept.has(output))) made.add(output);
    else for (const name of node.inputs) kept.add(name);
  }
  return made;
}

/** Whether a node cuts values at constant bounds. */
function isClip({ parameters }: Graph, { op, inputs }: Node): boolean {
  if (op === clamp.def) return true;
  return (op === maximum.def || op === minimum.def) && parameters.has(inputs[1]) && !parameters.has(inputs[0]);
}
