import { ArgumentError } from "../errors.ts";
import type { Graph, Layer } from "../graph/index.ts";
import { didYouMean } from "../suggest.ts";
import { matchesAny, matchesPattern } from "./pattern.ts";

/** Other bits than the scheme's for the layers a pattern names, or none at all. */
export interface BitRule {
  /** Name of a layer, or of the activation tensor layers read; `*` stands for any run of characters. */
  readonly pattern: string;
  /** What the pattern is held against. Default: both names. */
  readonly by?: "layer" | "tensor" | undefined;
  /** Bits of the layers' weights, 2 to 8. */
  readonly weightBits?: number | undefined;
  /** Bits of the layers' inputs, 2 to 8; a tensor that several layers read takes the most any of them asks for. */
  readonly activationBits?: number | undefined;
  /** Leaves the layers in float. */
  readonly float?: true | undefined;
}

/** What all rules together say about one layer; absent bits are the scheme's. */
export interface LayerBits {
  readonly float: boolean;
  readonly weightBits?: number | undefined;
  readonly activationBits?: number | undefined;
}

const names = ({ pattern, by }: BitRule, { name, input }: Layer): boolean =>
  (by !== "tensor" && matchesPattern(pattern, name)) || (by !== "layer" && matchesPattern(pattern, input));

/** What the rules say about a layer: the last one that matches wins, key by key; bits after `float` take it back. */
export function bitsFor(rules: readonly BitRule[], layer: Layer): LayerBits {
  let found: LayerBits = { float: false };
  for (const rule of rules) {
    if (!names(rule, layer)) continue;
    const { weightBits = found.weightBits, activationBits = found.activationBits } = rule;
    found = { float: rule.float === true, weightBits, activationBits };
  }
  return found;
}

/**
 * Refuses rules that could do nothing. Errors: ArgumentError for a rule without bits, with bits outside 2..8, with bits and
 * float together, for a pattern that matches nothing (with the nearest names), and for bits of layers that all stay in
 * float because of `keep`.
 */
export function requireRules(graph: Graph, rules: readonly BitRule[], keep: readonly string[]): void {
  for (const rule of rules) {
    const { pattern, by, weightBits, activationBits, float } = rule;
    const bits = [weightBits, activationBits].filter((b) => b !== undefined);
    const refuse = (must: string, got: string): ArgumentError => new ArgumentError("bits", `${must}, got ${got} (pattern "${pattern}")`);
    if (bits.length > 0 === (float === true))
      throw refuse("a rule must give weightBits or activationBits, or else float", float ? "both" : "neither");
    const wrong = bits.find((b) => !Number.isInteger(b) || b < 2 || b > 8);
    if (wrong !== undefined) throw refuse("bits must be whole numbers from 2 to 8", String(wrong));
    const layers = graph.layers.filter((l) => names(rule, l));
    if (layers.length === 0) {
      const known = [
        ...(by === "tensor" ? [] : graph.layers.map((l) => l.name)),
        ...(by === "layer" ? [] : graph.layers.map((l) => l.input)),
      ];
      throw unmatched("bits", by === "tensor" ? "a tensor that a layer reads" : "a layer or a tensor it reads", pattern, [
        ...new Set(known),
      ]);
    }
    if (!float && layers.every((l) => matchesAny(keep, l.name)))
      throw refuse("a rule must match a layer that the policy quantizes", `only layers it keeps in float, as "${layers[0].name}"`);
  }
}

/** Errors: ArgumentError with the nearest names for a pattern that matches no layer. */
export function requireLayers(graph: Graph, where: string, patterns: readonly string[]): void {
  const known = graph.layers.map((l) => l.name);
  for (const pattern of patterns) {
    if (!known.some((name) => matchesPattern(pattern, name))) throw unmatched(where, "a layer", pattern, known);
  }
}

const unmatched = (where: string, what: string, pattern: string, known: readonly string[]): ArgumentError =>
  new ArgumentError(where, `every pattern must match ${what}, got "${pattern}" (${didYouMean(pattern, known)})`);
