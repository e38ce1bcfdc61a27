import { makeScheme, uniformAffine } from "../../quant/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import { argmin, meanSquare, quantile, rounded } from "./measures.ts";
import { forwardWith, LAYERS, lossOf, type Net, type Weights, weightsOf, wrongShare } from "./nets.ts";
import type { Argmins, SweepRecord } from "./record.ts";

/** INT4 with codes -7 to 7. */
export const INT4 = makeScheme({ bits: 4, mapping: "symmetricNarrow", signed: true });
const [LEAST, MOST] = [0.2, 1.2];

/** The shrink factors tried. */
export const factorsOf = (candidates: number): number[] =>
  Array.from({ length: candidates }, (_, i) => rounded(LEAST + ((MOST - LEAST) * i) / (candidates - 1)));

/** A weight on the uniform INT4 grid of scale factor · max|W| / 7. Unstated: the granularity; one scale a layer is ours. */
export function uniformInt4(weight: Tensor, factor: number): Tensor {
  const largest = Array.from(weight.data).reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const scale = tensor([(factor * largest) / INT4.qmax], [1]);
  return uniformAffine.fakeQuant(weight, { scale, zeroPoint: tensor([0], [1]) }, INT4);
}

interface Candidate {
  readonly weightMse: number;
  readonly task: number;
  readonly wrong: number | null;
}

/** Weight error and task loss over the scales, all layers with one factor and each layer by itself. Source: Reg-PTQ Sec. 3. */
export function sweepScales(net: Net, candidates: number): SweepRecord {
  const factors = factorsOf(candidates);
  const weights = weightsOf(net.module);
  const all = factors.map((factor) => candidate(net, weights, quantized(weights, LAYERS, factor)));
  const layers = LAYERS.map((site) => factors.map((factor) => candidate(net, weights, quantized(weights, [site], factor))));
  return {
    weightMse: all.map((c) => rounded(c.weightMse)),
    task: all.map((c) => rounded(c.task)),
    joint: argminsOf(all, factors),
    layers: layers.map((rows) => argminsOf(rows, factors)),
  };
}

const quantized = (weights: Weights, sites: readonly string[], factor: number): Weights =>
  new Map(sites.map((site) => [site, uniformInt4(weights.get(site) as Tensor, factor)]));

function candidate(net: Net, weights: Weights, replaced: Weights): Candidate {
  const output = forwardWith(net, replaced);
  const [before, after] = [weights, replaced].map((from) => [...replaced.keys()].flatMap((site) => [...(from.get(site) as Tensor).data]));
  return {
    weightMse: meanSquare(after, before),
    task: lossOf(net, output),
    wrong: net.task.classifies ? wrongShare(net, output) : null,
  };
}

function argminsOf(rows: readonly Candidate[], factors: readonly number[]): Argmins {
  const tasks = rows.map((r) => r.task);
  const [weightAt, taskAt] = [argmin(rows.map((r) => r.weightMse)), argmin(tasks)];
  const [weight, task] = [factors[weightAt], factors[taskAt]];
  const fewest = Math.min(...rows.map((r) => r.wrong ?? Number.NaN));
  const distances = rows.flatMap((r, i) => (r.wrong === fewest ? [Math.abs(factors[i] - weight)] : []));
  const spread = quantile(tasks, 0.5) - tasks[taskAt];
  return {
    ...{ weight, task },
    gap: rounded(Math.abs(weight - task)),
    errorGap: distances.length === 0 ? null : rounded(Math.min(...distances)),
    regret: rounded(spread > 0 ? (tasks[weightAt] - tasks[taskAt]) / spread : 0),
  };
}
