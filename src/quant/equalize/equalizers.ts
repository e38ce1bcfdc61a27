import type { Graph } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { absorbableSeams, absorbBias } from "./absorbBias.ts";
import { crossLayerEqualize, equalizableGroups } from "./crossLayer.ts";
import { addLowRankBranches, branchableLayers } from "./lowRank.ts";
import type { Rewrite } from "./parameters.ts";
import { channelExponents, powerOfTwoScaling } from "./powerOfTwo.ts";
import { findSeams, type Seam } from "./seams.ts";
import { smooth } from "./smooth.ts";
import { ChannelMeter, type ChannelStatistics } from "./statistics.ts";

/** The chosen tensors of a float run on one calibration sample after the other, by name; valid until the next one. */
export type Watch = (graph: Graph, tensors: ReadonlySet<string>) => AsyncIterable<ReadonlyMap<string, Tensor>>;

/** What an equalizer may look at beside the graph. */
export interface EqualizeContext {
  /** Names of the layers that will be quantized. */
  readonly layers: ReadonlySet<string>;
  /** Bits of an activation's code. */
  readonly activationBits: number;
  /** Gives calibration samples to a statistic of some tensors. */
  readonly watch: Watch;
}

/** A rewrite of the float graph before calibration that makes it easier to quantize. */
export interface Equalizer {
  /** As options write it. */
  readonly name: string;
  /** Whether it looks at calibration samples. */
  readonly watches: boolean;
  /** What it needs to find, for messages. */
  readonly needs: string;
  /** Names of what it would work on: tensors or layers. */
  places(graph: Graph, layers: ReadonlySet<string>): readonly string[];
  /** The rewritten graph and what was changed. */
  apply(graph: Graph, context: EqualizeContext): Promise<Rewrite>;
}

/** Seams that a quantized layer reads. */
const quantizedSeams = (graph: Graph, layers: ReadonlySet<string>): Seam[] =>
  findSeams(graph).filter((seam) => seam.readers.some((l) => layers.has(l.name)));

/** Statistics of the chosen tensors of the given seams over all samples. */
async function measure(graph: Graph, { watch }: EqualizeContext, axes: ReadonlyMap<string, Seam>): Promise<Map<string, ChannelStatistics>> {
  const meters = new Map([...axes].map(([name, { axis, channels }]) => [name, new ChannelMeter(axis, channels)]));
  for await (const tensors of watch(graph, new Set(axes.keys()))) {
    for (const [name, meter] of meters) meter.add(tensors.get(name) as Tensor);
  }
  return new Map([...meters].map(([name, meter]) => [name, meter.result()]));
}

const crossLayer: Equalizer = {
  name: "cross-layer",
  watches: false,
  needs: "two layers with at most a ReLU, leaky ReLU or PReLU between them and no branch",
  places: (graph) => equalizableGroups(graph).map((g) => g.layers.join(" ")),
  apply: async (graph) => crossLayerEqualize(graph),
};

const absorb: Equalizer = {
  name: "absorb-bias",
  watches: true,
  needs: "a layer with a bias, at most a ReLU, and unpadded convolutions with biases after it",
  places: (graph) => absorbableSeams(graph).map((s) => s.tensor),
  async apply(graph, context) {
    const seams = new Map(absorbableSeams(graph).map((s) => [s.source, s]));
    return absorbBias(graph, await measure(graph, context, seams));
  },
};

const smoothing: Equalizer = {
  name: "smooth",
  watches: true,
  needs: "a quantized layer whose input comes from a layer or normalisation without a branch",
  places: (graph, layers) => quantizedSeams(graph, layers).map((s) => s.tensor),
  async apply(graph, context) {
    const seams = new Map(quantizedSeams(graph, context.layers).map((s) => [s.tensor, s]));
    return smooth(graph, await measure(graph, context, seams));
  },
};

const powerOfTwo: Equalizer = {
  name: "power-of-two",
  watches: true,
  needs: smoothing.needs,
  places: smoothing.places,
  async apply(graph, { layers, activationBits, watch }) {
    const seams = quantizedSeams(graph, layers);
    const votes = new Map(seams.map((s) => [s.tensor, [] as Int8Array[]]));
    for await (const tensors of watch(graph, new Set(votes.keys()))) {
      for (const { tensor, axis } of seams) {
        votes.get(tensor)?.push(channelExponents(tensors.get(tensor) as Tensor, axis, activationBits));
      }
    }
    return powerOfTwoScaling(graph, votes);
  },
};

const lowRank: Equalizer = {
  name: "low-rank",
  watches: false,
  needs: "a quantized layer of at least 4 channels either way that is not grouped",
  places: (graph, layers) => branchableLayers(graph).flatMap((l) => (layers.has(l.name) ? [l.name] : [])),
  apply: async (graph, { layers }) => addLowRankBranches(graph, { layers }),
};

/** The equalizers by name. */
export const equalizers = {
  "cross-layer": crossLayer,
  "absorb-bias": absorb,
  smooth: smoothing,
  "power-of-two": powerOfTwo,
  "low-rank": lowRank,
} as const satisfies Readonly<Record<string, Equalizer>>;
