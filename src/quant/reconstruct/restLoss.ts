import { compile } from "../../autograd/index.ts";
import { type Graph, type Node, runNode, type Unit } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { OutputLoss } from "./global.ts";
import { readsOf } from "./route.ts";

/** What the part of a network behind a unit takes from one sample. */
export type BehindSample = {
  /** What it reads that the unit does not write. */
  readonly beside: Readonly<Record<string, Tensor>>;
  /** What its loss keeps of the float network. */
  readonly constants: Readonly<Record<string, Tensor>>;
};

/** The loss of the outputs of a network as a function of what a unit writes: the part behind it is in float. */
export interface RestLoss {
  /** What the part behind the unit reads that the unit does not write. */
  readonly beside: readonly string[];
  /** A scalar, in ops. `written`: the tensors of the unit, by name. */
  at(written: ReadonlyMap<string, Tensor>, sample: BehindSample): Tensor;
  /** Hands the memory of the recording on to others. */
  release(): void;
}

/** The part `nodes` behind a unit, recorded once: it is the same whatever the unit learns. `constants` are names of what its loss keeps. */
export function restLossOf(graph: Graph, unit: Unit, nodes: readonly Node[], loss: OutputLoss, constants: readonly string[]): RestLoss {
  const own = new Set(unit.nodes.flatMap((n) => n.outputs));
  const reads = readsOf(graph, nodes);
  const [fromUnit, beside] = [reads.filter((name) => own.has(name)), reads.filter((name) => !own.has(name))];
  const run = compile((...tensors: Tensor[]): Tensor => {
    const env = new Map([...fromUnit, ...beside].map((name, i) => [name, tensors[i]]));
    for (const node of nodes) runNode(graph, node, env);
    const kept = tensors.slice(reads.length).map((x, i) => [constants[i], x]);
    return loss.loss(Object.fromEntries(kept), graph.finish(env));
  });
  return {
    beside,
    at(written, sample) {
      const given = fromUnit.map((name) => written.get(name) as Tensor);
      return run(...given, ...beside.map((name) => sample.beside[name]), ...constants.map((name) => sample.constants[name]));
    },
    release: run.release,
  };
}
