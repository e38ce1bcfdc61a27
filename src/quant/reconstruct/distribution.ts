import { type Graph, liveNodes, type NormStatistics, runNode, type Unit } from "../../graph/index.ts";
import { adam, cosine, descend, type Parameters } from "../../nn/index.ts";
import { add, div, item, mean, sizeOf, sqrt, square, sub, Tensor } from "../../tensor/index.ts";
import { type Budget, fixedSteps } from "./budget.ts";
import { type Course, drive } from "./drive.ts";
import type { CorrectionRecord, DistributionCorrection } from "./reconstruction.ts";
import type { Kept, Shelf } from "./shelf.ts";

/** What a unit reads on one sample, by tensor. */
export type UnitInputs = Readonly<Record<string, Tensor>>;

/** What a unit reads on one sample and what it should give for it, once corrected. */
export interface CorrectedSample {
  readonly inputs: ReadonlyMap<string, Kept>;
  /** In the order of the outputs of the unit. */
  readonly targets: readonly Kept[];
}

/** Corrected samples by index, and how far the statistics came. */
export interface Corrected {
  readonly samples: ReadonlyMap<number, CorrectedSample>;
  readonly record: CorrectionRecord;
}

/** What a correction is told beside its unit. */
export interface CorrectionRun {
  readonly correction: DistributionCorrection;
  /** Samples a step of the descent behind it; at least so many are corrected together. */
  readonly batch: number;
  readonly budget: Budget;
  /** Costs of this unit and those after it. */
  readonly costs: readonly number[];
  readonly shelf: Shelf;
  /** Awaited now and then. */
  readonly rest: () => Promise<void>;
}

/** Samples that are corrected together where they fit. */
const TOGETHER = 8;
/** Elements that the tensors of a unit may have for all of them: 128 MiB of f32. */
const LARGEST_GROUP = 2 ** 25;
/** Added to variances, so that the slope of their root is finite. */
const TINY = 1e-12;

/** Tensors that a unit writes and a batch normalisation promises something of. */
export const normalizedBy = ({ statistics }: Graph, { nodes }: Pick<Unit, "nodes">): string[] =>
  nodes.flatMap((n) => n.outputs).filter((name) => statistics.has(name));

/** Whether the inputs of a unit can be corrected: it normalises something, and reads numbers that can move. */
export const isCorrectable = (graph: Graph, unit: Unit): boolean =>
  normalizedBy(graph, unit).length > 0 && unit.inputs.some((name) => moves(graph, name));

const moves = ({ metas }: Graph, name: string): boolean => metas.get(name)?.dtype === "f32";

/**
 * Moves the float inputs of a unit a little, so that the tensors that it normalises get the mean and deviation they had in
 * training over a group of samples; what it gives for them is what it should learn. A group that gets no closer stays.
 *
 * Shape: inputs are batches of one. Source: Liu et al. 2023 (PD-Quant), section 3.3.
 *
 * Departure: the published code looks at what normalisations read, picture by picture; ours at what they write, which is all
 * that a folded one leaves, and at several pictures together, as training does. Unstated: both distances are means over their
 * elements.
 */
export async function correctSamples(
  graph: Graph,
  unit: Unit,
  indices: readonly number[],
  inputsOf: (sample: number) => UnitInputs,
  { correction, batch, budget, costs, shelf, rest }: CorrectionRun,
): Promise<Corrected> {
  const groups = grouped(indices, Math.max(batch, groupSize(graph, unit)));
  const samples = new Map<number, CorrectedSample>();
  // Half of the unit's share of the time is for its descent. What the first group finds out holds for all.
  let allowed = correction.steps;
  const stepsOf = (each: number): number => {
    if (budget.probe > 0) allowed = Math.min(allowed, Math.floor(budget.steps(each, costs) / (2 * groups.length)));
    return allowed;
  };
  const record = { steps: 0, before: 0, after: 0 };
  for (const [k, group] of groups.entries()) {
    const inputs = group.map(inputsOf);
    const limit = k === 0 ? { budget, stepsOf } : { budget: fixedSteps(allowed), stepsOf: () => allowed };
    const moved = await moveGroup(graph, unit, inputs, correction, { ...limit, period: 1, rest });
    record.steps = Math.max(record.steps, moved.steps);
    record.before += moved.before / groups.length;
    record.after += moved.after / groups.length;
    group.forEach((sample, i) => samples.set(sample, put(graph, unit, moved.inputs[i], shelf)));
  }
  return { samples, record };
}

/** As many groups as are needed for none to be larger than `most`, of sizes that differ by one at most. */
function grouped(indices: readonly number[], most: number): number[][] {
  const count = Math.ceil(indices.length / most);
  const end = (k: number): number => Math.floor((k * indices.length) / count);
  return Array.from({ length: count }, (_, k) => indices.slice(end(k), end(k + 1)));
}

function groupSize({ metas }: Graph, { nodes, inputs }: Unit): number {
  const names = [...inputs, ...nodes.flatMap((n) => n.outputs)];
  const each = names.reduce((sum, name) => sum + sizeOf(metas.get(name)?.shape ?? []), 0);
  return Math.max(1, Math.min(TOGETHER, Math.floor(LARGEST_GROUP / each)));
}

/** One step's data: structures of tensors only, so that the step can be replayed. */
type Originals = { readonly samples: readonly UnitInputs[] };

/** The inputs of a group where its loss is lower, and the loss before and after. */
async function moveGroup(graph: Graph, unit: Unit, inputs: readonly UnitInputs[], correction: DistributionCorrection, course: Course) {
  const start = new Map(
    inputs.flatMap((sample, k) =>
      Object.entries(sample).flatMap(([name, x]): [string, Tensor][] => (moves(graph, name) ? [[`${k}/${name}`, x]] : [])),
    ),
  );
  const loss = lossOf(graph, unit, correction);
  const originals: Originals = { samples: inputs };
  const { params, steps, ...first } = await drive(start, course, (total) =>
    descend(loss, start, {
      optimizer: adam(),
      lr: (step) => cosine(correction.rate, total())(step),
      steps: Number.MAX_SAFE_INTEGER,
      batch: () => originals,
    }),
  );
  const before = steps > 0 ? first.loss : item(loss(start, originals));
  const after = item(loss(params, originals));
  const better = after < before;
  return { steps, before, after: better ? after : before, inputs: better ? inputs.map((x, k) => placed(x, k, params)) : inputs };
}

/** What sample `k` reads, with what has moved. */
const placed = (sample: UnitInputs, k: number, params: Parameters): UnitInputs =>
  Object.fromEntries(Object.entries(sample).map(([name, x]) => [name, params.get(`${k}/${name}`) ?? x]));

/** How far the statistics of a group are from what was promised, and its inputs from where they were. */
function lossOf(graph: Graph, unit: Unit, { share }: DistributionCorrection) {
  const names = normalizedBy(graph, unit);
  const nodes = liveNodes(unit.nodes, names);
  return (params: Parameters, { samples }: Originals): Tensor => {
    const all = samples.map((sample, k) => placed(sample, k, params));
    const written = all.map((inputs) => {
      const env = new Map(Object.entries(inputs));
      for (const node of nodes) runNode(graph, node, env);
      return env;
    });
    const gaps = names.map((name) =>
      gapOf(
        written.map((env) => env.get(name) as Tensor),
        graph.statistics.get(name) as NormStatistics,
      ),
    );
    const pulls = all.flatMap((inputs, k) =>
      Object.entries(inputs).flatMap(([name, x]) => (moves(graph, name) ? [mean(square(sub(x, samples[k][name])))] : [])),
    );
    return add(sum(gaps), div(sum(pulls), share * samples.length));
  };
}

/** Squared errors of mean and deviation of the channels, means over channels. Shape: tensors [1,C,...] of one shape to []. */
function gapOf(tensors: readonly Tensor[], promised: NormStatistics): Tensor {
  const [{ shape }] = tensors;
  const over = { dim: shape.map((_, i) => i).filter((i) => i !== 1), keepdim: true };
  const wide = (values: Float64Array): Tensor =>
    new Tensor(
      shape.map((d, i) => (i === 1 ? d : 1)),
      "f32",
      Float32Array.from(values),
    );
  const average = (parts: readonly Tensor[]): Tensor => div(sum(parts.map((x) => mean(x, over))), parts.length);
  const center = average(tensors);
  const deviation = sqrt(add(average(tensors.map((x) => square(sub(x, center)))), TINY));
  const error = (found: Tensor, wanted: Float64Array): Tensor => mean(square(sub(found, wide(wanted))));
  return add(error(center, promised.mean), error(deviation, promised.deviation));
}

const sum = (terms: readonly Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));

/** What the float unit gives for the inputs, put away with them. */
function put(graph: Graph, unit: Unit, inputs: UnitInputs, shelf: Shelf): CorrectedSample {
  const env = new Map(Object.entries(inputs));
  for (const node of unit.nodes) runNode(graph, node, env);
  return {
    inputs: new Map(Object.entries(inputs).map(([name, x]) => [name, shelf.put(x)])),
    targets: unit.outputs.map((name) => shelf.put(env.get(name) as Tensor)),
  };
}
