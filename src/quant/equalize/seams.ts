import type { Graph, Layer, Node } from "../../graph/index.ts";
import { type AnyOp, add, avgPool2d, clamp, leakyRelu, maxPool2d, mul, prelu, relu } from "../../tensor/index.ts";
import { channelAxisOf, weightChannels } from "./channels.ts";

/** A parameter that scales with the channels of a seam. */
export interface Fold {
  /** Name of the parameter. */
  readonly parameter: string;
  /** The channel that element `i` belongs to. */
  channelOf(i: number): number;
}

/** What lies between the tensor that a seam's source writes and the tensor that its readers read. */
export type Between = "nothing" | "relu" | "homogeneous";

/**
 * A tensor whose channels may be divided by any s > 0: the source's parameters are divided by s, the readers' weights
 * multiplied by it, and the network computes what it did. Nothing else reads the tensor or one on the way.
 */
export interface Seam {
  /** What the readers read. */
  readonly tensor: string;
  /** What the source writes: `tensor`, or what becomes it through positively homogeneous steps. */
  readonly source: string;
  /** What happens between the two. */
  readonly between: Between;
  readonly channels: number;
  /** Axis of both tensors that runs over channels. */
  readonly axis: number;
  /** The layer at the source; absent where a normalisation's scale ends the walk. */
  readonly layer: Layer | undefined;
  /** What is divided by s. */
  readonly folds: readonly Fold[];
  /** Tensors whose channels are so divided: `tensor`, `source` and those on the way from the first fold. */
  readonly scaled: readonly string[];
  /** The last shift among them: the bias that `source` was written with. */
  readonly shift: Fold | undefined;
  readonly readers: readonly Layer[];
}

/** How one op passes a positive factor per channel on; undefined where it does not. */
type Passing = (attrs: unknown, axis: number) => Between | undefined;

const bounds = (attrs: unknown): { min: number; max: number } => attrs as { min: number; max: number };
const pool: Passing = (_, axis) => (axis === 1 ? "homogeneous" : undefined);

/**
 * Steps f with f(s x) = s f(x) for s > 0 per channel. ReLU6 and its like are none: 6 would become a bound per channel
 * (docs/decisions/007).
 */
const PASSING: ReadonlyMap<AnyOp, Passing> = new Map<AnyOp, Passing>([
  [relu.def, () => "relu"],
  [
    clamp.def,
    (attrs) => {
      const { min, max } = bounds(attrs);
      if (max !== Infinity) return undefined;
      return min === 0 ? "relu" : min === -Infinity ? "nothing" : undefined;
    },
  ],
  [leakyRelu.def, () => "homogeneous"],
  [prelu.def, () => "homogeneous"],
  [maxPool2d.def, pool],
  [avgPool2d.def, pool],
]);

/** Names, and who reads and writes them. */
interface Wiring {
  readonly graph: Graph;
  readonly readersOf: ReadonlyMap<string, readonly Node[]>;
  readonly writerOf: ReadonlyMap<string, Node>;
  readonly outputs: ReadonlySet<string>;
}

function wiringOf(graph: Graph): Wiring {
  const readersOf = new Map<string, Node[]>();
  const writerOf = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const name of node.inputs) readersOf.set(name, [...(readersOf.get(name) ?? []), node]);
    for (const name of node.outputs) writerOf.set(name, node);
  }
  return { graph, readersOf, writerOf, outputs: new Set(graph.outputs.map((p) => p.name)) };
}

/** Whether a tensor or parameter is read exactly once, and by no graph output. */
const once = ({ readersOf, outputs }: Wiring, name: string): boolean => readersOf.get(name)?.length === 1 && !outputs.has(name);

/** All seams of a graph, in the order their tensors are first read by a layer. */
export function findSeams(graph: Graph): Seam[] {
  const wiring = wiringOf(graph);
  const tensors = new Set(graph.layers.map((l) => l.input));
  return [...tensors].flatMap((tensor) => seamAt(wiring, tensor) ?? []);
}

function seamAt(wiring: Wiring, tensor: string): Seam | undefined {
  const { graph, readersOf, outputs } = wiring;
  if (outputs.has(tensor)) return undefined;
  const rank = graph.metas.get(tensor)?.shape.length ?? 0;
  const readers: Layer[] = [];
  for (const node of readersOf.get(tensor) ?? []) {
    const layer = graph.layerOf(node);
    if (!layer || layer.input !== tensor || !once(wiring, layer.weight)) return undefined;
    readers.push(layer);
  }
  const axis = channelAxisOf(readers[0], rank);
  if (readers.some((l) => channelAxisOf(l, rank) !== axis)) return undefined;
  const channels = graph.metas.get(tensor)?.shape[axis] ?? 0;
  const found = walkBack(wiring, tensor, { axis, channels });
  return found && { ...found, tensor, channels, axis, readers };
}

/** Follows a tensor back to what its channels can be divided in. */
function walkBack(wiring: Wiring, tensor: string, place: Pick<Seam, "axis" | "channels">) {
  const folds: Fold[] = [];
  const scaled: string[] = [];
  let between: Between = "nothing";
  let source: string | undefined;
  let shift: Fold | undefined;
  for (let at = tensor; ; ) {
    const node = wiring.writerOf.get(at);
    if (node?.outputs.length !== 1) return undefined;
    scaled.push(at);
    const passing = PASSING.get(node.op)?.(node.attrs, place.axis);
    if (passing) {
      if (!source && passing !== "nothing") between = between === "nothing" ? passing : joined(between, passing);
      at = node.inputs[0];
    } else {
      source ??= at;
      const layer = wiring.graph.layerOf(node);
      if (layer) {
        const own = layerFolds(wiring, layer, place);
        return own && { source, between, layer, folds: [...folds, ...own.folds], scaled, shift: shift ?? own.shift };
      }
      const affine = affineFold(wiring, node, place);
      if (!affine) return undefined;
      folds.push(affine.fold);
      if (node.op === mul.def) return { source, between, layer: undefined, folds, scaled, shift };
      shift ??= affine.fold;
      at = affine.input;
    }
    if (!once(wiring, at)) return undefined;
  }
}

const joined = (a: Between, b: Between): Between => (a === "relu" && b === "relu" ? "relu" : "homogeneous");

/** Weight and bias of a layer whose output channels are those of the seam. */
function layerFolds(wiring: Wiring, layer: Layer, { axis, channels }: Pick<Seam, "axis" | "channels">) {
  const { metas } = wiring.graph;
  const rank = metas.get(layer.output)?.shape.length ?? 0;
  const weight = weightChannels(layer, metas.get(layer.weight)?.shape ?? []);
  if (channelAxisOf(layer, rank) !== axis || weight.outputs !== channels || !once(wiring, layer.weight)) return undefined;
  const folds: Fold[] = [{ parameter: layer.weight, channelOf: weight.outputOf }];
  if (layer.bias === undefined) return { folds, shift: undefined };
  if (!once(wiring, layer.bias)) return undefined;
  const shift: Fold = { parameter: layer.bias, channelOf: (i) => i };
  return { folds: [...folds, shift], shift };
}

/** x + p or x p with one number p per channel. */
function affineFold(wiring: Wiring, node: Node, { axis, channels }: Pick<Seam, "axis" | "channels">) {
  if (node.op !== add.def && node.op !== mul.def) return undefined;
  const { graph } = wiring;
  const [a, b] = node.inputs;
  const [input, parameter] = graph.parameters.has(b) ? [a, b] : [b, a];
  const shape = graph.parameters.get(parameter)?.shape;
  const whole = graph.metas.get(node.outputs[0])?.shape;
  if (!shape || !whole || graph.parameters.has(input) || !once(wiring, parameter)) return undefined;
  const along = shape.every((d, i) => d === (i + whole.length - shape.length === axis ? channels : 1));
  const covers = axis >= whole.length - shape.length;
  const same = graph.metas.get(input)?.shape.join() === whole.join();
  return along && covers && same ? { input, fold: { parameter, channelOf: (i: number) => i } } : undefined;
}
