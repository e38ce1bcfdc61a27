import { compileViews } from "../../autograd/index.ts";
import { type GraphInput, perInput } from "../../graph/index.ts";
import { liveBytes } from "../biasCorrection.ts";
import type { GraphModel } from "../evidence.ts";
import { emptyPlan, type Plan, tapOf } from "../plan.ts";
import type { SampleSource } from "../samples.ts";
import { type Answer, answerOf, type Damage, DamageSums, Reference } from "./damage.ts";
import { type Item, isolate, lift } from "./items.ts";
import { runVariants } from "./resume.ts";

/** The quantized network that is asked about, and the grids that items are lifted to. */
export interface Plans {
  /** The bits that are asked about. */
  readonly low: Plan;
  /** Not looked at where items are lifted to float. */
  readonly high: Plan;
}

/** How an item is changed by itself, and what that tells. */
export interface Mode {
  /** As options and records write it. */
  readonly name: string;
  /** Whether it looks at the grids items are lifted to. */
  readonly lifts: boolean;
  /** The network that everything but the item is computed as. */
  base(plans: Plans): Plan;
  /** The network with the item changed. */
  variant(plans: Plans, item: Item): Plan;
  /** What lifting the item is worth, given the damage of the whole quantized network and that of the variant. */
  gain(whole: Damage, found: Damage): number;
}

/** Only the item is quantized, all else stays in float: the damage it does by itself. */
export const isolated: Mode = {
  name: "isolated",
  lifts: false,
  base: () => emptyPlan,
  variant: ({ low }, item) => isolate(low, item),
  gain: (_, found) => found.total,
};

/** Everything is quantized and only the item lifted: what that alone repairs. */
export const accumulated: Mode = {
  name: "accumulated",
  lifts: true,
  base: ({ low }) => low,
  variant: ({ low, high }, item) => lift(low, high, item),
  gain: (whole, found) => whole.total - found.total,
};

/** The ways to rank by name, the default first. */
export const modes: Readonly<Record<string, Mode>> = { isolated, accumulated };

/** What was found about one item. */
export interface Ranked {
  readonly item: Item;
  /** Of the network in which only this item was changed. */
  readonly damage: Damage;
  /** What lifting it is worth, in units of damage. */
  readonly gain: number;
}

/** What a ranking gives. */
export interface Ranking {
  /** Of the network with everything quantized. */
  readonly whole: Damage;
  /** In the order of the items. */
  readonly ranked: readonly Ranked[];
}

/** What is ranked, and how. */
export interface RankProblem {
  /** The float network. */
  readonly model: GraphModel;
  /** What damage is measured on. */
  readonly samples: SampleSource;
  /** Grids before and after a lift. */
  readonly plans: Plans;
  /** What is lifted, one at a time. */
  readonly items: readonly Item[];
  /** How items are changed. */
  readonly mode: Mode;
  /** Score from which a detection of the float network is visible. */
  readonly minScore: number;
}

/** Bytes that the live tensors of all samples may take together; more samples go in turns. */
const LIVE_BYTES = 600e6;

/** Samples that advance together. */
const together = ({ model: { graph }, samples }: Pick<RankProblem, "model" | "samples">): number =>
  Math.min(samples.names.length, Math.max(1, Math.floor(LIVE_BYTES / liveBytes(graph))));

/** Calls of `after` that a ranking of so many items makes. */
export const rankSteps = (problem: Pick<RankProblem, "model" | "samples">, items: number): number =>
  items * Math.ceil(problem.samples.names.length / together(problem));

/** Forwards of the network that one of those calls stands for, about. */
export const rankWork = (problem: Pick<RankProblem, "model" | "samples">): number => 2 + 0.8 * together(problem);

/**
 * How much each item matters, measured without labels: `mode` changes one item at a time, and the network's answers are
 * held against the float network's (see `DamageSums`). Deterministic.
 */
export async function rank(problem: RankProblem, after: (done: number) => Promise<void>): Promise<Ranking> {
  const { model, samples, plans, items, mode } = problem;
  const variants = items.map((item) => ({ at: item.at, plan: mode.variant(plans, item) }));
  const sums = items.map(() => new DamageSums());
  const all = new DamageSums();
  const [float, whole] = [answersOf(model, emptyPlan), answersOf(model, plans.low)];
  const group = together(problem);
  let done = 0;
  for (let from = 0; from < samples.names.length; from += group) {
    const inputs = Array.from({ length: Math.min(group, samples.names.length - from) }, (_, i) => samples.input(from + i));
    const references = inputs.map((x) => new Reference(model, float(x), problem.minScore));
    inputs.forEach((x, i) => references[i].addTo(all, whole(x)));
    const visit = (variant: number, sample: number, answer: Answer): void => references[sample].addTo(sums[variant], answer);
    await runVariants(model, mode.base(plans), variants, inputs, visit, () => after(++done));
  }
  float.release();
  whole.release();
  const damage = all.result();
  const ranked = items.map((item, i) => {
    const found = sums[i].result();
    return { item, damage: found, gain: mode.gain(damage, found) };
  });
  return { whole: damage, ranked };
}

/** The damage of a plan on all samples. */
export function damageOf(model: GraphModel, samples: SampleSource, plan: Plan, minScore: number): Damage {
  const sums = new DamageSums();
  const [float, changed] = [answersOf(model, emptyPlan), answersOf(model, plan)];
  samples.names.forEach((_, i) => {
    const x = samples.input(i);
    new Reference(model, float(x), minScore).addTo(sums, changed(x));
  });
  float.release();
  changed.release();
  return sums.result();
}

/** The answers of a network under a plan; each holds until the next. */
function answersOf(model: GraphModel, plan: Plan): { (x: GraphInput): Answer; release(): void } {
  const tap = tapOf(model.graph, plan);
  const run = perInput(
    model.graph,
    (x) => {
      const heads = model.graph.forward(x, tap);
      const { scores, boxes } = answerOf(model, heads);
      return { heads, read: { ...(scores && { scores }), ...(boxes && { boxes }) } };
    },
    compileViews,
  );
  const answer = (x: GraphInput): Answer => {
    const { heads, read } = run(x);
    return { heads, ...read };
  };
  return Object.assign(answer, { release: run.release });
}
