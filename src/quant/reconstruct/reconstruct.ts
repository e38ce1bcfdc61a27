import { findUnits, type Graph, type Unit } from "../../graph/index.ts";
import type { GraphModel } from "../evidence.ts";
import type { Plan } from "../plan.ts";
import type { SampleSource } from "../samples.ts";
import type { Steps } from "../steps.ts";
import { fixedSteps, timeBudget } from "./budget.ts";
import type { Journal } from "./journal.ts";
import type { Reconstruction, UnitRecord } from "./reconstruction.ts";
import type { Shelf } from "./shelf.ts";
import { Walk } from "./walk.ts";

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
  /** Units that learned before, in earlier stages. */
  readonly done: number;
}

/** Steps of progress a unit is worth. */
export const UNIT_STEPS = 100;

/** The units that learn: those with a quantized layer. */
export const learningUnits = (graph: Graph, { unit }: Pick<Reconstruction, "unit">, layers: ReadonlySet<string>): Unit[] =>
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
  const { stages, descent, unit } = reconstruction;
  for (const [index, stage] of stages.entries()) {
    const spent = context.journal?.spent(stage.name) ?? 0;
    const budget = context.budget === undefined ? fixedSteps(descent.steps) : timeBudget(context.budget / stages.length - spent);
    const learning = learningUnits(context.model.graph, { unit }, start.layers);
    const rest = (done: number) => context.steps.after("reconstruct", (context.done + index * learning.length + done) * UNIT_STEPS);
    const walked = await new Walk({ ...context, stage, descent, budget, units: learning, rest }).run(plan);
    plan = walked.plan;
    units.push(...walked.records);
  }
  return { plan, units };
}
