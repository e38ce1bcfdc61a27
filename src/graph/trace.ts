import { StateError } from "../errors.ts";
import { type Module, parameters, tapFrom } from "../nn/index.ts";
import { listen, type OpEvent, type Tensor } from "../tensor/index.ts";
import { assembleGraph, liveNodes } from "./assemble.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./layer.ts";
import { statisticsOfNodes } from "./statistics.ts";

/** What `traceGraph` calls the graph and its tensors. */
export interface TraceOptions {
  /** Name of the graph. */
  readonly name: string;
  /** Name of the input tensor. Default "input". */
  readonly input?: string;
}

/**
 * Turns a module into a Graph by running it once on `example` and keeping the op calls. Parameters keep their dotted
 * names; nodes and tensors are named after the module path that announced them; outputs after the keys of the result.
 * The batch dimension is free where every op allows it. What batch normalisations of fixed statistics promise is kept.
 *
 * Errors: StateError when an output was not computed by an op from the input.
 *
 * Shape: whatever the module takes; it becomes the shape of the graph's input.
 */
export function traceGraph(
  module: Module<Readonly<Record<string, Tensor>>>,
  example: Tensor,
  { name, input = "input" }: TraceOptions,
): Graph {
  const events: OpEvent[] = [];
  const paths = new Map<Tensor, string>();
  const weights = new Map<Tensor, string>();
  const tap = tapFrom((path, slot, x) => {
    if (slot === "output" && !paths.has(x)) paths.set(x, path);
    if (slot === "weight" && !weights.has(x)) weights.set(x, path);
    return x;
  });
  const heads = listen(
    (event) => events.push(event),
    () => module.forward(example, tap),
  );
  const names = new Naming();
  const known = new Map<Tensor, string>([[example, names.fresh(input)]]);
  const stored = new Map<string, Tensor>();
  for (const [path, tensor] of parameters(module)) {
    known.set(tensor, names.fresh(path));
    stored.set(path, tensor);
  }
  for (const [key, tensor] of Object.entries(heads)) {
    if (!events.some((e) => e.outputs.includes(tensor))) {
      throw new StateError("traceGraph", `output "${key}" must be computed by an op, got a tensor no op returned (${name})`);
    }
    known.set(tensor, names.fresh(key));
  }
  const nodes = events.map((event, i) => nodeOf(event, i, { known, stored, names, paths, weights }));
  const outputs = Object.entries(heads).map(([key, { shape, dtype }]) => ({ name: known.get(heads[key]) as string, shape, dtype }));
  const live = liveNodes(
    nodes,
    outputs.map((p) => p.name),
  );
  const used = new Set(live.flatMap((n) => n.inputs));
  const port = { name: input, shape: [-1, ...example.shape.slice(1)], dtype: example.dtype };
  const kept = new Map([...stored].filter(([key]) => used.has(key)));
  return assembleGraph({ name, inputs: [port], outputs, nodes: live, parameters: kept, statistics: statisticsOfNodes(live, kept) });
}

interface Recording {
  readonly known: Map<Tensor, string>;
  readonly stored: Map<string, Tensor>;
  readonly names: Naming;
  readonly paths: ReadonlyMap<Tensor, string>;
  readonly weights: ReadonlyMap<Tensor, string>;
}

function nodeOf(event: OpEvent, index: number, { known, stored, names, paths, weights }: Recording): Node {
  const path = paths.get(event.outputs[0]) ?? (event.inputs[1] && weights.get(event.inputs[1]));
  const name = names.freshNode(path ?? `${event.def.name}_${index}`);
  const inputs = event.inputs.map((x, i) => {
    const found = known.get(x);
    if (found !== undefined) return found;
    const constant = names.fresh(`${name}.constant${i}`);
    known.set(x, constant);
    stored.set(constant, x);
    return constant;
  });
  const outputs = event.outputs.map((y, i) => {
    const found = known.get(y) ?? names.fresh(paths.get(y) ?? (i === 0 ? name : `${name}.${i}`));
    known.set(y, found);
    return found;
  });
  return { name, op: event.def, attrs: event.attrs, inputs, outputs };
}

/** Hands out names that are not taken yet. */
class Naming {
  readonly #tensors = new Set<string>();
  readonly #nodes = new Set<string>();

  fresh = (wanted: string): string => claim(this.#tensors, wanted);
  freshNode = (wanted: string): string => claim(this.#nodes, wanted);
}

function claim(taken: Set<string>, wanted: string): string {
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
  taken.add(name);
  return name;
}
