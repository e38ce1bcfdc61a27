import type { Graph } from "../../graph/index.ts";
import { largestBy, positivePower, weightChannels } from "./channels.ts";
import { ChangedParameters, type Rewrite } from "./parameters.ts";
import { findSeams, type Seam } from "./seams.ts";

/** When cross-layer equalisation stops. */
export interface CrossLayerOptions {
  /** Passes over the network at most. Default 100. */
  readonly rounds?: number;
  /** It stops after a pass whose factors all lie this close to 1. Default 1e-7. */
  readonly tolerance?: number;
}

/** Layers that are balanced together: two and their seam, or three with a depthwise one in the middle and two seams. */
export interface EqualizedGroup {
  /** Names of the layers, in order. */
  readonly layers: readonly string[];
  readonly seams: readonly Seam[];
}

/** Bounds of a factor (DFQ's). */
const SMALLEST = 1e-8;
const LARGEST = 1e8;

/** Pairs and depthwise triples of a graph, in order of execution: each layer's output has one reader, the next layer. */
export function equalizableGroups(graph: Graph): EqualizedGroup[] {
  const single = findSeams(graph).filter((s) => s.layer && s.readers.length === 1);
  const after = new Map(single.map((seam) => [seam.layer?.name, seam]));
  const groups: EqualizedGroup[] = [];
  const used = new Set<Seam>();
  for (const seam of single) {
    const [middle] = seam.readers;
    const next = after.get(middle.name);
    if (!next || !middle.depthwise || next.channels !== seam.channels) continue;
    groups.push({ layers: [nameOf(seam), middle.name, next.readers[0].name], seams: [seam, next] });
    used.add(seam).add(next);
  }
  for (const seam of single) if (!used.has(seam)) groups.push({ layers: [nameOf(seam), seam.readers[0].name], seams: [seam] });
  const order = new Map(graph.layers.map((l, i) => [l.name, i]));
  return groups.sort((a, b) => (order.get(a.layers[0]) ?? 0) - (order.get(b.layers[0]) ?? 0));
}

const nameOf = ({ layer }: Seam): string => layer?.name ?? "";

/**
 * Cross-layer equalisation: makes the weight ranges of consecutive layers equal channel by channel. A factor is 1 where a
 * range is 0. Passes over the network repeat until nothing changes, so that doing it twice is doing it once.
 *
 * Source: Nagel et al. 2019 (DFQ), section 4.1, with largest magnitudes for ranges as AIMET has them.
 *
 * Departure: ReLU6 and other bounded activations end a group instead of becoming ReLU (docs/decisions/007).
 */
export function crossLayerEqualize(graph: Graph, { rounds = 100, tolerance = 1e-7 }: CrossLayerOptions = {}): Rewrite {
  const groups = equalizableGroups(graph);
  const parameters = new ChangedParameters(graph);
  for (let round = 0; round < rounds; round++) {
    let change = 0;
    for (const { seams } of groups) {
      factorsOf(parameters, seams).forEach((factors, k) => {
        parameters.scale(seams[k], factors);
        for (const s of factors) change = Math.max(change, Math.abs(s - 1));
      });
    }
    if (change <= tolerance) break;
  }
  const changed = [...new Set(groups.flatMap(({ seams }) => seams.map((s) => s.tensor)))];
  return { graph: parameters.graph(), changed, keep: [] };
}

/** Factors of one seam, or of both of a depthwise triple. */
function factorsOf(parameters: ChangedParameters, seams: readonly Seam[]): Float64Array[] {
  const [first] = seams;
  const source = rangesOfSource(parameters, first);
  const reads = seams.map((seam) => parameters.largestRead(seam));
  const all = [source, ...reads];
  const factors = seams.map(() => new Float64Array(first.channels).fill(1));
  for (let c = 0; c < first.channels; c++) {
    const ranges = all.map((r) => r[c]);
    if (!ranges.every((r) => r > 0)) continue;
    const level = ranges.length === 2 ? Math.sqrt(ranges[0] * ranges[1]) : positivePower(ranges[0] * ranges[1] * ranges[2], 1 / 3);
    const found = ranges.length === 2 ? [ranges[0] / level] : [ranges[0] / level, level / ranges[2]];
    if (!found.every((s) => s >= SMALLEST && s <= LARGEST)) continue;
    found.forEach((s, k) => {
      factors[k][c] = s;
    });
  }
  return factors;
}

function rangesOfSource(parameters: ChangedParameters, { layer, channels }: Seam): Float64Array {
  if (!layer) return new Float64Array(channels);
  return largestBy(parameters.of(layer.weight), channels, weightChannels(layer, parameters.shapeOf(layer.weight)).outputOf);
}
