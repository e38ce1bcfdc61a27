import type { Graph } from "../../graph/index.ts";
import { type CostFormats, costLayers, otherBytes } from "./graphCost.ts";
import type { CostLayer } from "./layerCost.ts";
import { type StorageBytes, storageBytes } from "./storage.ts";
import { bitOperations, effectiveMacs, type FlopRuleName, flopRules } from "./work.ts";

/** What a model costs to run and to store. */
export interface Cost {
  /** Sum of MACs · weight bits · activation bits, float32 as 32 bits, for a batch of one. */
  readonly bops: number;
  /** Effective float multiply-accumulates by rule, for a batch of one. */
  readonly effectiveFlops: Readonly<Record<FlopRuleName, number>>;
  /** Bytes by what they hold; every weight once. */
  readonly bytes: StorageBytes;
}

/** The cost of a list of layers. */
export function costOf(layers: readonly CostLayer[]): Cost {
  const by = (rule: FlopRuleName): number => effectiveMacs(layers, flopRules[rule]);
  return {
    bops: bitOperations(layers),
    effectiveFlops: { paper128: by("paper128"), bops1024: by("bops1024"), dorefa64: by("dorefa64") },
    bytes: storageBytes(layers),
  };
}

/** The cost of a graph under the given formats; constants of other nodes count among the further floats. */
export function costOfGraph(graph: Graph, formats: CostFormats): Cost {
  const cost = costOf(costLayers(graph, formats));
  const others = otherBytes(graph);
  const { extras, total } = cost.bytes;
  return { ...cost, bytes: { ...cost.bytes, extras: extras + others, total: total + others } };
}
