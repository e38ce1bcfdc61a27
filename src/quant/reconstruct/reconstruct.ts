import { findUnits, type Graph, type Unit } from "../../graph/index.ts";
import { identityTap, type Tap } from "../../nn/index.ts";
import { Rng } from "../../tensor/index.ts";
import type { GraphModel } from "../evidence.ts";
import { type Plan, tapOf } from "../plan.ts";
import type { SampleSource } from "../statistics.ts";
import type { Steps } from "../steps.ts";
import { type Budget, fixedSteps, timeBudget } from "./budget.ts";
import { entryOf, type Journal, withEntry } from "./journal.ts";
import { learnUnit, type UnitSamples } from "./learn.ts";
import { MaskPool } from "./masks.ts";
import type { LearningStage, Reconstruction, UnitRecord } from "./reconstruction.ts";
import { routeOf, type Stop } from "./route.ts";
import type { Shelf } from "./shelf.ts";
import { Stream } from "./stream.ts";

/** What reconstruction works on. */
export interface ReconstructContext {
  readonly model: GraphModel;
  readonly samples: SampleSource;
  readonly seed: number;
  /** Milliseconds for all descents; absent: the steps of the method. */
  readonly budget?: number | undefined;
  /** Where activations wait. */
  readonly shelf: Shelf;
  /** Finished units of an interrupted run, and where new ones are written. */
  readonly journal?: Journal | undefined;
  readonly steps: Steps;
}

/** Every such sample is held out: results are judged on it. */
const HELD = 8;
/** With fewer samples all of them are learned and judged on. */
const FEW = 16;
/** Steps of progress a unit is worth. */
export const UNIT_STEPS = 100;

/** The units that learn: those with a quantized layer. */
export const learningUnits = (graph: Graph, { unit }: Reconstruction, layers: ReadonlySet<string>): Unit[] =>
  findUnits(graph, unit).filter((u) => u.layers.some((l) => layers.has(l.name)));

/**
 * Learns a network unit by unit, in order of execution: all samples walk through it together, once in float and once
 * quantized as far as it has been learned, so that only tensors somebody will still read are held.
 *
 * Errors: ArgumentError for blocks of a graph without any; AbortError.
 */
export async function reconstruct(
  context: ReconstructContext,
  start: Plan,
  reconstruction: Reconstruction,
): Promise<{ plan: Plan; units: UnitRecord[] }> {
  let plan = start;
  const units: UnitRecord[] = [];
  const total = reconstruction.stages.length;
  for (const [index, stage] of reconstruction.stages.entries()) {
    const milliseconds = context.budget === undefined ? undefined : context.budget / total;
    const budget = milliseconds === undefined ? fixedSteps(reconstruction.descent.steps) : timeBudget(milliseconds);
    const walk = new Walk(context, reconstruction, stage, budget);
    const done = await walk.run(plan, index);
    plan = done.plan;
    units.push(...done.units);
  }
  return { plan, units };
}

/** One stage: a walk through the network. */
class Walk {
  readonly #context: ReconstructContext;
  readonly #reconstruction: Reconstruction;
  readonly #stage: LearningStage;
  readonly #budget: Budget;
  readonly #rng: Rng;
  readonly #masks: MaskPool | undefined;

  constructor(context: ReconstructContext, reconstruction: Reconstruction, stage: LearningStage, budget: Budget) {
    this.#context = context;
    this.#reconstruction = reconstruction;
    this.#stage = stage;
    this.#budget = budget;
    this.#rng = new Rng(context.seed).split("reconstruct").split(stage.name);
    const { graph } = context.model;
    const sizes = [...graph.metas.values()].map(({ shape }) => shape.reduce((a, d) => a * d, 1));
    const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
    this.#masks = stage.kept === undefined ? undefined : new MaskPool(largest, stage.kept, this.#rng.split("masks"));
  }

  async run(start: Plan, index: number): Promise<{ plan: Plan; units: UnitRecord[] }> {
    const { model, samples, shelf, steps, journal } = this.#context;
    const { graph } = model;
    const units = learningUnits(graph, this.#reconstruction, start.layers);
    const route = routeOf(graph, units);
    const inputs = (): Iterable<ReturnType<typeof samples.input>> => samples.names.map((_, i) => samples.input(i));
    const float = new Stream(graph, inputs(), shelf);
    const quantized = this.#walksQuantized() ? new Stream(graph, inputs(), shelf) : undefined;
    const records: UnitRecord[] = [];
    const costs = units.map((u) => costOf(graph, u));
    let plan = start;
    for (const stop of route) {
      this.#advance(float, stop, identityTap);
      if (stop.unit) {
        const done = (share: number) => steps.after("reconstruct", (index * units.length + records.length + share) * UNIT_STEPS);
        const known = journal?.find(this.#stage.name, stop.unit.name);
        const entry = known ?? (await this.#learn(stop.unit, plan, float, quantized ?? float, costs.slice(records.length), done));
        if (!known) journal?.add(entry);
        plan = withEntry(plan, entry);
        records.push(entry.record);
        await done(0);
      }
      if (quantized) this.#advance(quantized, stop, this.#tapOf(stop, plan));
      for (const stream of [float, quantized]) stream?.drop(stop.dying);
    }
    return { plan, units: records };
  }

  #walksQuantized(): boolean {
    return this.#stage.input === "quantized" || this.#stage.kept !== undefined;
  }

  #advance(stream: Stream, { nodes, dying }: Stop, tap: Tap): void {
    const gone = new Set(dying);
    this.#context.samples.names.forEach((_, i) => {
      stream.run(i, nodes, tap, (name) => !gone.has(name));
    });
  }

  /** What the layers of a stop compute in the network as the stage sees it. */
  #tapOf({ nodes }: Stop, plan: Plan): Tap {
    const layers = new Set(nodes.map((n) => n.name).filter((name) => plan.layers.has(name)));
    if (layers.size === 0) return identityTap;
    const activations = this.#stage.quantizesActivations ? plan.activations : new Map();
    return tapOf(this.#context.model.graph, { ...plan, layers, activations });
  }

  async #learn(unit: Unit, plan: Plan, float: Stream, quantized: Stream, costs: readonly number[], rest: (share: number) => Promise<void>) {
    const { graph } = this.#context.model;
    const layers = unit.layers.filter((l) => plan.layers.has(l.name));
    const task = { graph, unit, stage: this.#stage, plan, layers };
    const { train, held } = split(this.#context.samples.names.length);
    const read = this.#stage.input === "quantized" ? quantized : float;
    const samples: UnitSamples = {
      train,
      held,
      at: (i) => ({ inputs: read.pick(i, unit.inputs), targets: unit.outputs.map((name) => float.get(i, name)), weights: [] }),
      float: (i) => float.pick(i, unit.inputs),
    };
    const outcome = await learnUnit(task, samples, {
      options: this.#reconstruction.descent,
      budget: this.#budget,
      costs,
      rng: this.#rng.split(unit.name),
      masks: this.#masks,
      rest,
    });
    return entryOf(outcome.record, plan, outcome.plan);
  }
}

/** Samples that are learned on, and every eighth that results are judged on. */
function split(count: number): { train: number[]; held: number[] } {
  const all = Array.from({ length: count }, (_, i) => i);
  if (count < FEW) return { train: all, held: all };
  const isHeld = (i: number): boolean => i % HELD === HELD - 1;
  return { train: all.filter((i) => !isHeld(i)), held: all.filter(isHeld) };
}

/** What an element of an output costs beside its multiplications. */
const ELEMENT_COST = 20;

/** Work of one forward of a unit, roughly. */
function costOf(graph: Graph, unit: Unit): number {
  const macs = unit.layers.reduce((sum, l) => sum + graph.macs(l.name), 0);
  const elements = unit.nodes
    .flatMap((n) => n.outputs)
    .reduce((sum, name) => sum + (graph.metas.get(name)?.shape ?? []).reduce((a, d) => a * d, 1), 0);
  return macs + ELEMENT_COST * elements;
}
