import { liveNodes, type Node, type Unit } from "../../graph/index.ts";
import { identityTap, type Tap } from "../../nn/index.ts";
import { Rng, sizeOf, type Tensor } from "../../tensor/index.ts";
import { floatRuns } from "../evidence.ts";
import { type Plan, tapOf } from "../plan.ts";
import type { Budget } from "./budget.ts";
import { timedCosts } from "./costs.ts";
import { type Corrected, correctSamples, isCorrectable } from "./distribution.ts";
import { type ErrorWeights, gatherWeights } from "./evidence.ts";
import { globalOf } from "./global.ts";
import { entryOf, type UnitEntry, withEntry } from "./journal.ts";
import { learnUnit, type UnitSample, type UnitSamples } from "./learn.ts";
import { MaskPool } from "./masks.ts";
import type { ReconstructContext } from "./reconstruct.ts";
import type { DescentOptions, LearningStage, UnitRecord } from "./reconstruction.ts";
import { type BehindSample, restLossOf } from "./restLoss.ts";
import { routeOf, type Stop } from "./route.ts";
import type { Kept } from "./shelf.ts";
import { Stream } from "./stream.ts";
import type { UnitTask } from "./unitTask.ts";

/** Every such sample is held out: results are judged on it. */
const HELD = 8;
/** With fewer samples all of them are learned and judged on. */
const FEW = 16;

/** What one stage works on. */
export interface WalkContext extends Omit<ReconstructContext, "budget"> {
  readonly stage: LearningStage;
  readonly descent: DescentOptions;
  readonly budget: Budget;
  /** The units that learn, in execution order. */
  readonly units: readonly Unit[];
  /** Awaited now and then, with the units that are done. */
  readonly rest: (done: number) => Promise<void>;
}

/** What learning a unit needs beside the unit. */
interface Surroundings {
  readonly plan: Plan;
  readonly float: Stream;
  /** The network as far as it is quantized, or the float one again, as the stage reads. */
  readonly read: Stream;
  readonly weights: ErrorWeights;
  /** What the global loss keeps of each sample. */
  readonly constants: readonly ReadonlyMap<string, Kept>[];
  /** Nodes behind the unit that lead to outputs. */
  readonly behind: readonly Node[];
  /** Names of the weights and activations of the units that are done. */
  readonly settled: ReadonlySet<string>;
  /** Units that are done. */
  readonly done: number;
}

/** One stage: all samples walk through the network together, and units learn where the walk passes them. */
export class Walk {
  readonly #c: WalkContext;
  readonly #rng: Rng;
  readonly #masks: MaskPool | undefined;
  /** What units cost beside each other, where time decides. */
  readonly #costs: readonly number[];

  constructor(context: WalkContext) {
    const { stage, model, units, seed, budget, samples } = context;
    this.#c = context;
    this.#rng = new Rng(seed).split("reconstruct").split(stage.name);
    const behind = stage.global ? 1 / stage.global.every : 0;
    this.#costs = budget.probe > 0 ? timedCosts(model.graph, units, samples.input(0), budget.now, behind) : [];
    const largest = [...model.graph.metas.values()].reduce((most, { shape }) => Math.max(most, sizeOf(shape)), 0);
    this.#masks = stage.kept === undefined ? undefined : new MaskPool(largest, stage.kept, this.#rng.split("masks"));
  }

  async run(start: Plan): Promise<{ plan: Plan; records: UnitRecord[] }> {
    const { model, samples, shelf, journal, stage, units, budget, rest } = this.#c;
    const began = budget.now() - (journal?.spent(stage.name) ?? 0);
    const inputs = () => samples.names.map((_, i) => samples.input(i));
    const weights = await this.#weights(start);
    const constants = this.#constants();
    const float = new Stream(model.graph, inputs(), shelf);
    const quantized = stage.input === "quantized" || stage.kept !== undefined ? new Stream(model.graph, inputs(), shelf) : undefined;
    const read = stage.input === "quantized" && quantized ? quantized : float;
    const route = routeOf(model.graph, units);
    const records: UnitRecord[] = [];
    const settled = new Set<string>();
    let plan = start;
    for (const [place, stop] of route.entries()) {
      this.#advance(float, stop, identityTap);
      if (stop.unit) {
        const behind = stage.global ? this.#behind(route.slice(place + 1)) : [];
        const known = journal?.find(stage.name, stop.unit.name);
        const around = { plan, float, read, weights, constants, behind, settled, done: records.length };
        const entry = known ?? (await this.#learn(stop.unit, around));
        if (!known) journal?.add(entry, budget.now() - began);
        for (const name of stop.unit.outputs) for (const kept of weights.get(name) ?? []) kept.drop();
        plan = withEntry(plan, entry);
        records.push(entry.record);
        for (const { weight, input } of stop.unit.layers) settled.add(weight).add(input);
      }
      if (quantized) this.#advance(quantized, stop, this.#tapOf(stop, plan));
      for (const stream of [float, quantized]) stream?.drop(stop.dying);
      await rest(records.length);
    }
    for (const kept of constants.flatMap((c) => [...c.values()])) kept.drop();
    for (const stream of [float, quantized]) stream?.clear();
    return { plan, records };
  }

  /** Weights of errors at the outputs of all units that are to be learned, where the objective takes any. */
  async #weights(plan: Plan): Promise<ErrorWeights> {
    const { stage, units, journal } = this.#c;
    const { weighing } = stage.objective;
    const open = units.filter((u) => !journal?.find(stage.name, u.name));
    if (!weighing || open.length === 0) return new Map();
    const names = open.flatMap((u) => u.outputs);
    return gatherWeights(weighing.evidence, weighing.weigh, names, { ...this.#c, plan });
  }

  /** What the global loss keeps of the float network on each sample. */
  #constants(): ReadonlyMap<string, Kept>[] {
    const { model, samples, shelf, stage } = this.#c;
    if (!stage.global) return [];
    const loss = globalOf(model, stage.global.objective);
    const run = floatRuns(model, new Set());
    const all = samples.names.map(
      (_, i) => new Map(Object.entries(loss.prepare(run(samples.input(i)).heads)).map(([name, x]) => [name, shelf.put(x)])),
    );
    run.release();
    return all;
  }

  #advance(stream: Stream, { nodes, dying }: Stop, tap: Tap): void {
    const gone = new Set(dying);
    this.#c.samples.names.forEach((_, i) => {
      stream.run(i, nodes, tap, (name) => !gone.has(name));
    });
  }

  /** What the layers of a stop compute in the network as the stage sees it. */
  #tapOf({ nodes }: Stop, plan: Plan): Tap {
    const layers = new Set(nodes.map((n) => n.name).filter((name) => plan.layers.has(name)));
    if (layers.size === 0) return identityTap;
    const activations = this.#c.stage.quantizesActivations ? plan.activations : new Map();
    return tapOf(this.#c.model.graph, { ...plan, layers, activations });
  }

  #behind(route: readonly Stop[]): Node[] {
    const { graph } = this.#c.model;
    return liveNodes(
      route.flatMap((stop) => stop.nodes),
      graph.outputs.map((p) => p.name),
    );
  }

  async #learn(unit: Unit, around: Surroundings): Promise<UnitEntry> {
    const { model, stage, descent, budget, rest } = this.#c;
    const { plan, behind, constants, done, settled } = around;
    const { graph } = model;
    const layers = unit.layers.filter((l) => plan.layers.has(l.name));
    const kept = [...(constants[0]?.keys() ?? [])];
    const behindIt = stage.global && restLossOf(graph, unit, behind, globalOf(model, stage.global.objective), kept);
    const task: UnitTask = { graph, unit, stage, plan, layers, settled, rest: behindIt };
    const corrected = await this.#corrected(unit, around);
    const outcome = await learnUnit(task, this.#samplesOf(unit, around, corrected, behindIt?.beside ?? []), {
      options: descent,
      budget,
      // A correction has taken half of the unit's share of the time.
      costs: this.#costs.slice(done).map((cost, i) => (corrected && i === 0 ? cost / 2 : cost)),
      rng: this.#rng.split(unit.name),
      masks: this.#masks,
      rest: (share) => rest(done + share),
    });
    behindIt?.release();
    for (const { inputs, targets } of corrected?.samples.values() ?? []) for (const kept of [...inputs.values(), ...targets]) kept.drop();
    return entryOf({ ...outcome.record, ...(corrected && { correction: corrected.record }) }, plan, outcome.plan);
  }

  /** What the samples that a unit learns on become, where the stage corrects them. */
  async #corrected(unit: Unit, { float, done }: Surroundings): Promise<Corrected | undefined> {
    const { model, samples, stage, descent, budget, shelf, rest } = this.#c;
    const { correction } = stage;
    if (!correction || correction.steps === 0 || !isCorrectable(model.graph, unit)) return undefined;
    const costs = this.#costs.slice(done);
    const run = { correction, batch: descent.batch, budget, costs, shelf, rest: () => rest(done) };
    return correctSamples(model.graph, unit, split(samples.names.length).train, (i) => float.pick(i, unit.inputs), run);
  }

  #samplesOf(
    unit: Unit,
    { float, read, weights, constants }: Surroundings,
    corrected: Corrected | undefined,
    beside: readonly string[],
  ): UnitSamples {
    const unshelved = (kept: ReadonlyMap<string, Kept> | undefined): Record<string, Tensor> =>
      Object.fromEntries([...(kept ?? [])].map(([name, k]) => [name, k.get()]));
    const at = (i: number): UnitSample => ({
      inputs: read.pick(i, unit.inputs),
      targets: unit.outputs.map((name) => float.get(i, name)),
      weights: unit.outputs.flatMap((name) => weights.get(name)?.[i].get() ?? []),
    });
    const behind = (i: number): BehindSample => ({ beside: read.pick(i, beside), constants: unshelved(constants[i]) });
    const floats = (i: number): UnitSample["inputs"] =>
      corrected ? unshelved(corrected.samples.get(i)?.inputs) : float.pick(i, unit.inputs);
    const taught = (i: number): UnitSample => {
      const targets = corrected?.samples.get(i)?.targets.map((kept) => kept.get());
      return targets ? { ...at(i), ...(read === float && { inputs: floats(i) }), targets } : at(i);
    };
    return { ...split(this.#c.samples.names.length), at, taught, float: floats, behind };
  }
}

/** Samples that are learned on, and every eighth that results are judged on. */
function split(count: number): { train: number[]; held: number[] } {
  const all = Array.from({ length: count }, (_, i) => i);
  if (count < FEW) return { train: all, held: all };
  const isHeld = (i: number): boolean => i % HELD === HELD - 1;
  return { train: all.filter((i) => !isHeld(i)), held: all.filter(isHeld) };
}
