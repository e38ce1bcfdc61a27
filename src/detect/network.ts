/**
 * What card matching needs to see of a network. An imported graph satisfies it.
 * Nodes are in execution order; a layer is a node with weights, under the node's name.
 */
export interface NetworkView {
  /** Name of the network, where it has one. */
  readonly name?: string;
  /** Its inputs, shapes as the file states them. */
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Its outputs, shapes as the file states them. */
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Its steps in order. */
  readonly nodes: readonly {
    readonly name: string;
    readonly op: { readonly name: string };
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
  }[];
  /** The steps that carry weights, by the tensors they read and write. */
  readonly layers: readonly { readonly name: string; readonly input: string; readonly output: string }[];
  /** Shapes of the tensors inside, where they are known. */
  readonly metas?: ReadonlyMap<string, { readonly shape: readonly number[] }>;
}

/** A tensor that enters or leaves a network. */
export type Port = NetworkView["outputs"][number];

/** How a picture lies in a network input. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
  readonly layout: "NCHW" | "NHWC";
}

/** How a picture lies in an input of a shape; undefined where it does not, or its size is free. */
export function pictureSize(shape: readonly number[]): PictureSize | undefined {
  if (shape.length !== 4) return undefined;
  const [, a, b, c] = shape;
  if (a === 3 && b > 0 && c > 0) return { height: b, width: c, layout: "NCHW" };
  if (c === 3 && a > 0 && b > 0) return { height: a, width: b, layout: "NHWC" };
  return undefined;
}

/** Width and height of the picture input, or undefined when there is no single one of a fixed size. */
export function pictureInput(network: NetworkView): PictureSize | undefined {
  const found = network.inputs.flatMap(({ shape }) => pictureSize(shape) ?? []);
  return found.length === 1 ? found[0] : undefined;
}

/** Ops that move values and leave them as they are. */
const MOVES = ["permute", "reshape"];

/** Whether a sigmoid wrote the tensor, looking through nodes that only move values. */
export function throughSigmoid(network: NetworkView, output: string): boolean {
  const made = makers(network);
  let maker = made.get(output);
  while (maker !== undefined && MOVES.includes(network.nodes[maker].op.name)) maker = made.get(network.nodes[maker].inputs[0]);
  return maker !== undefined && network.nodes[maker].op.name === "sigmoid";
}

/** The layers that end a detector, by name, in execution order. */
export interface HeadLayers {
  /** From where a level's branches part to its predictions. */
  readonly head: string[];
  /** Layers whose output reaches a network output through no other layer. */
  readonly predictions: string[];
}

/** Index of the node that makes each tensor. */
function makers(network: NetworkView): Map<string, number> {
  const made = new Map<string, number>();
  network.nodes.forEach((node, i) => {
    for (const output of node.outputs) made.set(output, i);
  });
  return made;
}

/** All nodes from which one of `from` can be reached, itself included; `stop` nodes are kept but not passed. */
function upstream(
  network: NetworkView,
  made: ReadonlyMap<string, number>,
  from: readonly number[],
  stop: (node: number) => boolean = () => false,
): Set<number> {
  const seen = new Set(from);
  const open = [...from];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (stop(node)) continue;
    for (const input of network.nodes[node].inputs) {
      const maker = made.get(input);
      if (maker === undefined || seen.has(maker)) continue;
      seen.add(maker);
      open.push(maker);
    }
  }
  return seen;
}

/** The layers whose output reaches one of `outputs` through no other layer, in execution order. */
function predictionsOf(
  network: NetworkView,
  outputs: readonly string[],
): { made: Map<string, number>; isLayer: (node: number) => boolean; predictions: number[] } {
  const made = makers(network);
  const layers = new Set(network.layers.map((l) => l.name));
  const isLayer = (node: number): boolean => layers.has(network.nodes[node].name);
  const ends = outputs.flatMap((name) => made.get(name) ?? []);
  const predictions = [...upstream(network, made, ends, isLayer)].filter(isLayer).sort((a, b) => a - b);
  return { made, isLayer, predictions };
}

const namesOf = (network: NetworkView, nodes: Iterable<number>): string[] =>
  [...nodes].sort((a, b) => a - b).map((node) => network.nodes[node].name);

/**
 * Finds the prediction layers of `outputs` and the head above them. Predictions that a node joins belong to one level;
 * a level's head runs from the last layer all of its predictions depend on (left out with `trunk: "excluded"`).
 */
export function headLayers(network: NetworkView, outputs: readonly string[], trunk: "included" | "excluded"): HeadLayers {
  const { made, isLayer, predictions } = predictionsOf(network, outputs);
  const head = new Set<number>();
  for (const level of levelsOf(network, made, predictions)) {
    const chains = level.map((node) => upstream(network, made, [node]));
    const shared = [...chains[0]].filter((node) => isLayer(node) && chains.every((chain) => chain.has(node)));
    const root = level.length === 1 ? level[0] : Math.max(-1, ...shared);
    for (const node of between(network, made, root, level)) {
      if (isLayer(node) && (trunk === "included" || node !== root || level.includes(node))) head.add(node);
    }
  }
  return { head: namesOf(network, head), predictions: namesOf(network, predictions) };
}

/**
 * As `headLayers`, for networks whose levels hang on a chain of features: the head is the prediction layers of `outputs`
 * and every layer that leads to one of them alone.
 */
export function headBranches(network: NetworkView, outputs: readonly string[]): HeadLayers {
  const { made, isLayer, predictions } = predictionsOf(network, outputs);
  const reached = new Map<number, number>();
  for (const end of predictions) {
    for (const node of upstream(network, made, [end])) reached.set(node, (reached.get(node) ?? 0) + 1);
  }
  const head = [...reached].flatMap(([node, count]) => (count === 1 && isLayer(node) ? [node] : []));
  return { head: namesOf(network, new Set([...head, ...predictions])), predictions: namesOf(network, predictions) };
}

/** Groups predictions by the first node downstream that joins several of them; those that no node joins are one group. */
function levelsOf(network: NetworkView, made: ReadonlyMap<string, number>, predictions: readonly number[]): number[][] {
  const carried = new Map<number, ReadonlySet<number>>(predictions.map((p) => [p, new Set([p])]));
  const joined = new Map<number, number[]>();
  const free = new Set(predictions);
  network.nodes.forEach((node, i) => {
    if (carried.has(i)) return;
    const arriving = new Set(node.inputs.flatMap((input) => [...(carried.get(made.get(input) ?? -1) ?? [])]));
    if (arriving.size === 0) return;
    carried.set(i, arriving);
    const fresh = [...arriving].filter((p) => free.has(p));
    if (arriving.size < 2 || fresh.length === 0) return;
    joined.set(i, fresh);
    for (const p of fresh) free.delete(p);
  });
  return [...joined.values(), ...(free.size > 0 ? [[...free]] : [])];
}

/** Nodes on a path from `root` to one of `ends`, both included; the ends alone when there is no root (-1). */
function between(network: NetworkView, made: ReadonlyMap<string, number>, root: number, ends: readonly number[]): Set<number> {
  if (root < 0) return new Set(ends);
  const above = upstream(network, made, ends);
  const below = new Set([root]);
  network.nodes.forEach((node, i) => {
    if (node.inputs.some((input) => below.has(made.get(input) ?? -1))) below.add(i);
  });
  return new Set([...above].filter((node) => below.has(node)));
}
