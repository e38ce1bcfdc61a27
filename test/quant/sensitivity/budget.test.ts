import { describe, expect, it } from "vitest";
import { Graph, type Layer } from "../../../src/graph/index.ts";
import {
  assign,
  type BitRule,
  costOfGraph,
  costText,
  formatsOfAssignment,
  itemsOf,
  parseBudget,
  type Ranked,
  rulesOf,
  spend,
} from "../../../src/quant/index.ts";
import { tinyDetector } from "../tiny.ts";

const { graph } = tinyDetector(1);
const base = { weightBits: 4, activationBits: 4, firstLayerBits: 4, keep: ["size"] };
const assignment = assign(graph, base);
const damage = { total: 0, scores: 0, boxes: 0 };
const ranked = (gains: Readonly<Record<string, number>>, high: number | "float" = 8): Ranked[] =>
  itemsOf(graph, assignment, high).map((item) => ({ item, damage, gain: gains[`${item.kind} ${item.name}`] ?? 0 }));
const job = (high: number | "float" = 8) => ({ graph, assignment, high });
const names = (lifted: readonly Ranked[]): string[] => lifted.map(({ item }) => `${item.kind} ${item.name}`);

/** Elements: input 768, relu_1 384, relu_3 384; weights: stem 162, depthwise 54, heat 12. */
const GAINS = { "activation input": 0.7, "activation relu_1": 0.5, "activation relu_3": 0.4, "weight stem": 1, "weight depthwise": 0.9 };

describe("a budget", () => {
  it("is spent on what gains most for its cost, and never overrun", () => {
    expect(names(spend(ranked(GAINS), job(), parseBudget("elements=50%")).lifted)).toEqual(["activation relu_1", "activation relu_3"]);
    expect(names(spend(ranked(GAINS), job(), parseBudget("elements=0.49")).lifted)).toEqual(["activation relu_1"]);
    expect(spend(ranked(GAINS), job(), parseBudget("elements=100%"))).toMatchObject({ start: 0, spent: 1 });
    expect(names(spend(ranked({ "activation input": 1 }), job(), parseBudget("elements=49%")).lifted)).toEqual([]);
  });

  it("of storage counts packed codes, and leaves activations alone", () => {
    const all = spend(ranked(GAINS), job(), parseBudget("storage=1MB"));
    expect(names(all.lifted)).toEqual(["weight depthwise", "weight stem"]);
    const constant = 4 * (6 + 6 + 2 + 2);
    const stem = 81 + 6 * 5;
    expect(all.start).toBe(constant + stem + (27 + 6 * 5) + (6 + 2 * 5) + 4 * 12);
    expect(all.spent - all.start).toBe(81 + 27);
    expect(names(spend(ranked(GAINS), job(), { cost: "storage", limit: all.start + 27 }).lifted)).toEqual(["weight depthwise"]);
    expect(() => spend(ranked(GAINS), job(), parseBudget("storage=100B"))).toThrow(
      /^budget: storage must be at least [\d.]+ B, what it takes with nothing lifted, got 100 B/,
    );
  });

  it.each(["bops", "storage", "elements"])("of %s costs what the lifted assignment costs anew", (cost) => {
    const everything = Object.fromEntries(itemsOf(graph, assignment, 8).map((i) => [`${i.kind} ${i.name}`, 1]));
    const { lifted, spent } = spend(ranked(everything), job(), { cost, limit: cost === "elements" ? 1 : 1e12 });
    const bits: BitRule[] = lifted.flatMap(({ item }) => rulesOf(item, 8));
    const anew = { graph, assignment: assign(graph, { ...base, bits }), high: 8 };
    if (cost !== "elements") expect(spend([], anew, { cost, limit: 1e12 }).start).toBe(spent);
    else expect(spent).toBeCloseTo(1, 12);
  });

  it.each([8, "float"] as const)("of storage counts a shared weight as files hold it, lifted to %s", (high) => {
    const [heat, size] = ["heat", "size"].map((name) => graph.layers.find((l) => l.name === name) as Layer);
    const nodes = graph.nodes.map((n) => (n.name === "size" ? { ...n, inputs: [size.input, heat.weight, heat.bias as string] } : n));
    const parameters = new Map([...graph.parameters].filter(([name]) => name !== size.weight && name !== size.bias));
    const shared = new Graph({ ...graph, nodes, parameters });
    const options = { ...base, keep: [] };
    const bytes = (bits: BitRule[]): number => costOfGraph(shared, formatsOfAssignment(assign(shared, { ...options, bits }))).bytes.total;
    const plain = assign(shared, options);
    const items = itemsOf(shared, plain, high).map((item) => ({ item, damage, gain: 1 }));
    const limit = high === 8 ? 1e6 : bytes([]) + 48;
    const { start, spent, lifted } = spend(items, { graph: shared, assignment: plain, high }, { cost: "storage", limit });
    expect(start).toBe(bytes([]));
    // As float for one of its two readers the weight is stored in both forms: 12 floats beside the codes.
    expect(names(lifted)).toEqual(high === 8 ? ["weight heat", "weight depthwise", "weight stem"] : ["layer heat"]);
    expect(spent).toBe(bytes(lifted.flatMap(({ item }) => rulesOf(item, high))));
  });

  it("counts multiply-accumulates times both widths, floats as 32", () => {
    const { start } = spend([], job(), parseBudget("bops=1T"));
    const macs = (name: string): number => graph.macs(name);
    expect(start).toBe(16 * (macs("stem") + macs("depthwise") + macs("heat")) + 1024 * macs("size"));
    const float = spend(ranked({ "layer heat": 1, "layer stem": 1 }, "float"), job("float"), {
      cost: "bops",
      limit: start + 1008 * macs("heat"),
    });
    expect(names(float.lifted)).toEqual(["layer heat"]);
    expect(float.spent).toBe(start + 1008 * macs("heat"));
  });
});

describe("the text of a budget", () => {
  it.each([
    ["storage=1.2MB", { cost: "storage", limit: 1.2e6 }, "1.2 MB"],
    ["storage=800 kb", { cost: "storage", limit: 8e5 }, "800 kB"],
    ["bops=3G", { cost: "bops", limit: 3e9 }, "3 G"],
    ["elements=25%", { cost: "elements", limit: 0.25 }, "25.0 %"],
    ["elements=0.25", { cost: "elements", limit: 0.25 }, "25.0 %"],
  ])("%s", (text, budget, shown) => {
    expect(parseBudget(text)).toEqual(budget);
    expect(costText(budget, budget.limit)).toBe(shown);
  });

  it.each([
    ["storag=1MB", 'got "storag=1MB" (did you mean "storage"?)'],
    ["1MB", 'budget: expected "storage=<bytes>", "bops=<count>" or "elements=<share>", got "1MB"'],
    ["storage=1Gi", 'units of storage must be B, kB, MB, GB, got "Gi"'],
    ["elements=150%", 'elements must be a share in [0, 1], got "elements=150%"'],
    ["bops=-1", 'got "bops=-1"'],
  ])("refuses %s", (text, message) => {
    expect(() => parseBudget(text)).toThrow(message);
  });
});
