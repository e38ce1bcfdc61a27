import { compile } from "../../autograd/index.ts";
import { type Graph, runNode } from "../../graph/index.ts";
import type { FloatDraft } from "./floatStep.ts";
import type { Draft, Floats, Value } from "./step.ts";

/** Fewer nodes than this run one by one: a replay would copy as much as it saves. */
const LEAST_NODES = 3;

const isFloat = (draft: Draft): draft is FloatDraft => "node" in draft;

/**
 * Joins float steps into groups that are recorded once and replayed in one memory. A float step waits until a step of
 * another kind reads what it wrote, so that few and long groups remain; a head is one group at the end.
 */
export function groupFloats(graph: Graph, drafts: readonly Draft[]): Draft[] {
  const grouped: Draft[] = [];
  let waiting: FloatDraft[] = [];
  const flush = (): void => {
    if (waiting.length < LEAST_NODES) grouped.push(...waiting);
    else grouped.push(groupOf(graph, waiting, drafts));
    waiting = [];
  };
  for (const draft of drafts) {
    if (isFloat(draft)) {
      waiting.push(draft);
      continue;
    }
    const awaited = new Set(waiting.flatMap(({ writes }) => writes.map((v) => v.tensor)));
    if (draft.reads.some((v) => v.form === "float" && awaited.has(v.tensor))) flush();
    grouped.push(draft);
  }
  flush();
  return grouped;
}

function groupOf(graph: Graph, group: readonly FloatDraft[], all: readonly Draft[]): Draft {
  const inside = new Set<Draft>(group);
  const written = new Set(group.flatMap(({ writes }) => writes.map((v) => v.tensor)));
  const reads = unique(group.flatMap((d) => d.reads)).filter((v) => !written.has(v.tensor));
  const outputs = new Set(graph.outputs.map((p) => p.name));
  const readElsewhere = new Set(all.flatMap((d) => (inside.has(d) ? [] : d.reads.map((v) => v.tensor))));
  const writes = group.flatMap((d) => d.writes).filter((v) => outputs.has(v.tensor) || readElsewhere.has(v.tensor));
  const forward = (...inputs: Parameters<Floats["set"]>[1][]) => {
    const values: Floats = new Map(reads.map((v, i) => [v.tensor, inputs[i]]));
    for (const { node } of group) runNode(graph, node, values);
    return writes.map((v) => values.get(v.tensor)!);
  };
  return {
    ...{ name: `${group[0].name} to ${group[group.length - 1].name}`, kind: "float", reads, writes, constants: [], scratch: 0 },
    bind() {
      const run = compile(forward);
      return (floats) => {
        const results = run(...reads.map((v) => floats.get(v.tensor)!));
        writes.forEach((v, i) => floats.set(v.tensor, results[i]));
      };
    },
  };
}

const unique = (values: readonly Value[]): Value[] => [...new Map(values.map((v) => [v.tensor, v])).values()];
