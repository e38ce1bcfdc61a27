import { bitsOf, type CostLayer, onCodes } from "./layerCost.ts";

/** A rule that says what share of a float multiply-accumulate one on codes costs. */
export interface FlopRule {
  /** Name of the rule, as records hold it. */
  readonly name: string;
  /** The product of weight and activation bits that counts as one float multiply-accumulate. */
  readonly fullProduct: number;
  /** Where it comes from. */
  readonly source: string;
}

/** The rules by name; papers use them without saying which, so every figure names its own. */
export const flopRules = {
  paper128: { name: "paper128", fullProduct: 128, source: "Reg-PTQ Table 4, fitted to its printed numbers" },
  bops1024: { name: "bops1024", fullProduct: 1024, source: "bit operations over those of float32, 32 x 32" },
  dorefa64: { name: "dorefa64", fullProduct: 64, source: "Zhou et al. 2016 (DoReFa-Net), as later papers count it" },
} as const satisfies Readonly<Record<string, FlopRule>>;

/** Name of a rule of effective operations. */
export type FlopRuleName = keyof typeof flopRules;

const sumOf = (layers: Iterable<CostLayer>, cost: (layer: CostLayer) => number): number => {
  let sum = 0;
  for (const layer of layers) sum += cost(layer);
  return sum;
};

/** Bit operations: the sum of MACs · weight bits · activation bits, float32 being 32 bits. Source: Baskin et al. 2021 (UNIQ). */
export const bitOperations = (layers: Iterable<CostLayer>): number =>
  sumOf(layers, ({ macs, weightBits, activationBits }) => macs * bitsOf(weightBits) * bitsOf(activationBits));

/**
 * Effective multiply-accumulates: a layer in float costs its MACs, one on codes MACs · w · a / the rule's full product.
 *
 * Unstated: what a product above the full one costs, as in 8 x 8 bits by `dorefa64` or `paper128` with one side float: no
 * more than float.
 */
export const effectiveMacs = (layers: Iterable<CostLayer>, { fullProduct }: FlopRule): number =>
  sumOf(layers, (layer) => {
    if (!onCodes(layer)) return layer.macs;
    return layer.macs * Math.min(1, (bitsOf(layer.weightBits) * bitsOf(layer.activationBits)) / fullProduct);
  });
