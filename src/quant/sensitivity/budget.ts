import { ArgumentError } from "../../errors.ts";
import type { Graph, Layer } from "../../graph/index.ts";
import { didYouMean } from "../../suggest.ts";
import { sizeOf } from "../../tensor/index.ts";
import type { Assignment } from "../assign.ts";
import { bitOperations, type CostFormats, costLayers, formatsOfAssignment, otherBytes, storageBytes } from "../cost/index.ts";
import { emplace } from "../emplace.ts";
import { makeScheme, type Scheme } from "../scheme.ts";
import type { High, Item } from "./items.ts";
import type { Ranked } from "./rank.ts";

/** What a network costs: a constant, and what layers take. Layers that read one weight are to be counted together. */
interface Bill {
  readonly constant: number;
  of(layers: readonly Layer[], formats: CostFormats): number;
}

/** A way to count what bits cost. */
interface Cost {
  /** Units a limit may be written in; the first is shown where nothing better fits. */
  readonly units: Readonly<Record<string, number>>;
  bill(graph: Graph, assignment: Assignment): Bill;
}

const storage: Cost = {
  units: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 },
  bill: (graph) => ({
    constant: otherBytes(graph),
    of: (layers, formats) => storageBytes(costLayers(graph, formats, layers)).total,
  }),
};

const bops: Cost = {
  units: { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  bill: (graph) => ({ constant: 0, of: (layers, formats) => bitOperations(costLayers(graph, formats, layers)) }),
};

const elements: Cost = {
  units: { "": 1, "%": 0.01 },
  bill: (graph, { sites }) => {
    const size = (name: string): number => sizeOf(graph.metas.get(name)?.shape ?? [0]);
    const total = [...sites.keys()].reduce((sum, name) => sum + size(name), 0);
    const shareOf = (layer: Layer, formats: CostFormats): number => {
      const site = sites.get(layer.input);
      const bits = formats.layers.has(layer.name) ? formats.activations.get(layer.input)?.bits : undefined;
      if (!site?.readers.includes(layer) || (bits !== undefined && bits <= site.scheme.bits)) return 0;
      return size(layer.input) / site.readers.length / total;
    };
    return { constant: 0, of: (layers, formats) => layers.reduce((sum, layer) => sum + shareOf(layer, formats), 0) };
  },
};

const costs: Readonly<Record<string, Cost>> = { storage, bops, elements };

/** A limit on what bits may cost. */
export interface Budget {
  /**
   * "storage": bytes of all parameters as `storageBytes` counts them; "bops": `bitOperations`; "elements": share of the
   * elements of quantized activation tensors that is lifted.
   */
  readonly cost: string;
  readonly limit: number;
}

/** Reads "storage=1.2MB", "bops=3G" or "elements=25%". Errors: ArgumentError on other text. */
export function parseBudget(text: string): Budget {
  const [, cost = "", digits = "", unit = ""] = /^([a-z]+)=(\d+(?:\.\d+)?) ?([A-Za-z%]*)$/.exec(text.trim()) ?? [];
  if (!Object.hasOwn(costs, cost)) {
    const hint = cost === "" ? "" : ` (${didYouMean(cost, Object.keys(costs))})`;
    throw new ArgumentError("budget", `expected "storage=<bytes>", "bops=<count>" or "elements=<share>", got "${text}"${hint}`);
  }
  const { units } = costs[cost];
  const found = Object.entries(units).find(([name]) => name.toLowerCase() === unit.toLowerCase()) ?? (unit === "" ? ["", 1] : undefined);
  if (!found)
    throw new ArgumentError(
      "budget",
      `units of ${cost} must be ${Object.keys(units).filter(Boolean).join(", ")}, got "${unit}" (in "${text}")`,
    );
  const limit = Number(digits) * Number(found[1]);
  if (cost === "elements" && limit > 1) throw new ArgumentError("budget", `elements must be a share in [0, 1], got "${text}"`);
  return { cost, limit };
}

/** A cost as text, with the unit that leaves at least one digit before the point. */
export function costText({ cost }: Pick<Budget, "cost">, value: number): string {
  if (cost === "elements") return `${(100 * value).toFixed(1)} %`;
  const fitting = Object.entries(costs[cost].units).filter(([, factor]) => value >= factor);
  const [unit, factor] = fitting.at(-1) ?? ["", 1];
  return `${Number((value / factor).toPrecision(4))} ${unit}`.trim();
}

/** What a budget was spent on. */
export interface Spending {
  /** In the order they were taken. */
  readonly lifted: readonly Ranked[];
  /** Cost with nothing lifted, and with all of these. */
  readonly start: number;
  readonly spent: number;
}

/** What a network costs with nothing lifted. Errors: ArgumentError where that is more than the budget. */
export function startingCost(graph: Graph, assignment: Assignment, budget: Budget): number {
  const bill = costs[budget.cost].bill(graph, assignment);
  const start = bill.constant + bill.of(graph.layers, formatsOfAssignment(assignment));
  if (start <= budget.limit) return start;
  const [least, got] = [costText(budget, start), costText(budget, budget.limit)];
  throw new ArgumentError("budget", `${budget.cost} must be at least ${least}, what it takes with nothing lifted, got ${got}`);
}

/**
 * Lifts items one after the other, each time the one of most gain per cost that the budget still holds, ties in order of
 * execution. Items without a gain and items that cost nothing by this count stay.
 *
 * Errors: ArgumentError where the network costs more than the budget with nothing lifted.
 */
export function spend(
  ranked: readonly Ranked[],
  { graph, assignment, high }: { readonly graph: Graph; readonly assignment: Assignment; readonly high: High },
  budget: Budget,
): Spending {
  const start = startingCost(graph, assignment, budget);
  const bill = costs[budget.cost].bill(graph, assignment);
  let formats = formatsOfAssignment(assignment);
  const left = new Map(ranked.filter(({ gain }) => gain > 0).map((r) => [r, touched(graph, r.item)]));
  const prices = new Map<Ranked, number>();
  const priceOf = (r: Ranked, layers: readonly Layer[]): number => bill.of(layers, lift(formats, r.item, high)) - bill.of(layers, formats);
  const lifted: Ranked[] = [];
  let spent = start;
  for (;;) {
    let best: { ranked: Ranked; rate: number; added: number } | undefined;
    for (const [candidate, layers] of left) {
      const added = emplace(prices, candidate, () => priceOf(candidate, layers));
      if (!(added > 0) || spent + added > budget.limit * (1 + 1e-12)) continue;
      const rate = candidate.gain / added;
      if (!best || rate > best.rate) best = { ranked: candidate, rate, added };
    }
    if (!best) return { lifted, start, spent };
    const changed = new Set(left.get(best.ranked));
    formats = lift(formats, best.ranked.item, high);
    left.delete(best.ranked);
    for (const [candidate, layers] of left) if (layers.some((l) => changed.has(l))) prices.delete(candidate);
    lifted.push(best.ranked);
    spent += best.added;
  }
}

/** The layers that may cost something else once an item is lifted: its own, and those that read the same weights. */
function touched(graph: Graph, { layers }: Item): Layer[] {
  const weights = new Set(layers.map((l) => l.weight));
  return graph.layers.filter((l) => weights.has(l.weight));
}

/** Formats with an item lifted. */
function lift(formats: CostFormats, { kind, layers }: Item, high: High): CostFormats {
  const names = new Set(layers.map((l) => l.name));
  if (high === "float") return { ...formats, layers: new Set([...formats.layers].filter((name) => !names.has(name))) };
  const wider = (schemes: CostFormats["weights"], tensors: ReadonlySet<string>): Map<string, Scheme> =>
    new Map([...schemes].map(([name, scheme]) => [name, tensors.has(name) ? makeScheme({ ...scheme, bits: high }) : scheme]));
  return kind === "weight"
    ? { ...formats, weights: wider(formats.weights, new Set(layers.map((l) => l.weight))) }
    : { ...formats, activations: wider(formats.activations, new Set(layers.map((l) => l.input))) };
}
