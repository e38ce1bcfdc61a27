import { ArgumentError } from "../../errors.ts";
import type { Graph, Layer } from "../../graph/index.ts";
import { didYouMean } from "../../suggest.ts";
import { sizeOf } from "../../tensor/index.ts";
import type { Assignment } from "../assign.ts";
import type { High, Item } from "./items.ts";
import type { Ranked } from "./rank.ts";

/** Bits of one layer's weight and input; 32 stands for float. */
interface Widths {
  readonly weight: number;
  readonly activation: number;
}

const FLOAT = 32;

/** What a network with these bits costs: a constant and a part of each layer. */
interface Bill {
  readonly constant: number;
  of(layer: Layer, widths: Widths): number;
}

/** A way to count what bits cost. */
interface Cost {
  /** Units a limit may be written in; the first is shown where nothing better fits. */
  readonly units: Readonly<Record<string, number>>;
  bill(graph: Graph, assignment: Assignment): Bill;
}

const size = (graph: Graph, name: string): number => sizeOf(graph.metas.get(name)?.shape ?? [0]);

const storage: Cost = {
  units: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 },
  bill: (graph) => {
    const weights = new Set(graph.layers.map((l) => l.weight));
    const others = [...graph.parameters].filter(([name]) => !weights.has(name));
    return {
      constant: others.reduce((sum, [, p]) => sum + 4 * p.size, 0),
      of: ({ weight, channelAxis }, { weight: bits }) => {
        const count = size(graph, weight);
        if (bits === FLOAT) return 4 * count;
        const channels = graph.metas.get(weight)?.shape[channelAxis] ?? 1;
        return Math.ceil((count * bits) / 8) + channels * (4 + Math.ceil(bits / 8));
      },
    };
  },
};

const bops: Cost = {
  units: { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  bill: (graph) => {
    const macs = new Map(graph.layers.map(({ name }) => [name, graph.macs(name)]));
    return { constant: 0, of: ({ name }, { weight, activation }) => (macs.get(name) ?? 0) * weight * activation };
  },
};

const elements: Cost = {
  units: { "": 1, "%": 0.01 },
  bill: (graph, { sites }) => {
    const total = [...sites.keys()].reduce((sum, name) => sum + size(graph, name), 0);
    const of = (layer: Layer, { activation }: Widths): number => {
      const site = sites.get(layer.input);
      if (!site?.readers.includes(layer) || activation <= site.scheme.bits) return 0;
      return size(graph, layer.input) / site.readers.length / total;
    };
    return { constant: 0, of };
  },
};

const costs: Readonly<Record<string, Cost>> = { storage, bops, elements };

/** A limit on what bits may cost. */
export interface Budget {
  /**
   * "storage": bytes of all parameters, weights as packed codes with their scales and zero points; "bops": multiply-accumulates
   * times the bits of both factors, floats as 32; "elements": share of the elements of quantized activation tensors that is
   * lifted.
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
  const bill = costs[budget.cost].bill(graph, assignment);
  const widths = startOf(graph, assignment);
  const start = graph.layers.reduce((sum, l) => sum + bill.of(l, widths.get(l) as Widths), bill.constant);
  if (start > budget.limit) {
    const [least, got] = [costText(budget, start), costText(budget, budget.limit)];
    throw new ArgumentError("budget", `${budget.cost} must be at least ${least}, what it takes with nothing lifted, got ${got}`);
  }
  const left = new Set(ranked.filter(({ gain }) => gain > 0));
  const lifted: Ranked[] = [];
  let spent = start;
  for (;;) {
    let best: { ranked: Ranked; rate: number; added: number } | undefined;
    for (const candidate of left) {
      const added = addedBy(candidate.item, high, bill, widths);
      if (!(added > 0) || spent + added > budget.limit * (1 + 1e-12)) continue;
      const rate = candidate.gain / added;
      if (!best || rate > best.rate) best = { ranked: candidate, rate, added };
    }
    if (!best) return { lifted, start, spent };
    for (const layer of best.ranked.item.layers) widths.set(layer, liftedWidths(best.ranked.item, high, widths.get(layer) as Widths));
    left.delete(best.ranked);
    lifted.push(best.ranked);
    spent += best.added;
  }
}

function startOf(graph: Graph, { layers, weights, sites }: Assignment): Map<Layer, Widths> {
  const quantized = new Set(layers);
  const of = (l: Layer): Widths =>
    quantized.has(l)
      ? { weight: weights.get(l.weight)?.bits ?? FLOAT, activation: sites.get(l.input)?.scheme.bits ?? FLOAT }
      : { weight: FLOAT, activation: FLOAT };
  return new Map(graph.layers.map((l) => [l, of(l)]));
}

function liftedWidths({ kind }: Item, high: High, widths: Widths): Widths {
  if (high === "float") return { weight: FLOAT, activation: FLOAT };
  return kind === "weight" ? { ...widths, weight: high } : { ...widths, activation: high };
}

function addedBy(item: Item, high: High, bill: Bill, widths: ReadonlyMap<Layer, Widths>): number {
  let added = 0;
  for (const layer of item.layers) {
    const now = widths.get(layer) as Widths;
    added += bill.of(layer, liftedWidths(item, high, now)) - bill.of(layer, now);
  }
  return added;
}
