import { ArgumentError } from "../errors.ts";
import type { Graph, Layer } from "../graph/index.ts";
import { type BitRule, bitsFor, requireLayers, requireRules } from "./bitRules.ts";
import { matchesAny } from "./pattern.ts";
import { makeScheme, type Scheme } from "./scheme.ts";

/** Which layers keep float weights and activations, by layer name or pattern. */
export interface LayerPolicy {
  readonly name: string;
  /** Patterns of the layers a policy leaves in float, from the detector card's two lists. */
  keep(card: { readonly head: readonly string[]; readonly predictions: readonly string[] }): readonly string[];
}

/** InlierQ section 5.1: the whole head stays in float. */
export const inlierqPolicy: LayerPolicy = { name: "inlierq", keep: (card) => card.head };

/** A policy of one's own: the layers that match stay in float. */
export const keeping = (patterns: readonly string[]): LayerPolicy => ({ name: "custom", keep: () => patterns });

/** Reg-PTQ section 4.1: all layers but the last predictions. */
export const regptqPolicy: LayerPolicy = { name: "regptq", keep: (card) => card.predictions };

/** The layer policies by name: which layers stay in float. */
export const policies: Readonly<Record<string, LayerPolicy>> = { inlierq: inlierqPolicy, regptq: regptqPolicy };

/** Bits, and what departs from them. */
export interface AssignOptions {
  /** Bits of a weight's code, 2 to 8. */
  readonly weightBits: number;
  /** Bits of an activation's code, 2 to 8. */
  readonly activationBits: number;
  /** Bits of the first layer's weights and input. Default 8 (both papers). */
  readonly firstLayerBits?: number;
  /** Patterns of layers left in float. */
  readonly keep: readonly string[];
  /** Patterns the user excludes on top; each must match a layer. */
  readonly exclude?: readonly string[];
  /** Other bits for some layers and tensors; they win over all bits above, the last match over earlier ones. */
  readonly bits?: readonly BitRule[];
  /** One activation scale per channel for tensors read only by depthwise convolutions. Default true. */
  readonly perChannelDepthwise?: boolean;
  /** Weight grid. Default: symmetricNarrow at 8 bits, affine below. */
  readonly weightMapping?: Scheme["mapping"];
  /** 7-bit weight codes in 8-bit storage, for kernels that saturate without VNNI. */
  readonly reduceRange?: boolean;
}

/** One activation tensor to quantize and the layers that read it there. */
export interface ActivationSite {
  readonly tensor: string;
  /** The format of its codes. */
  readonly scheme: Scheme;
  /** The quantized layers that read it. */
  readonly readers: readonly Layer[];
}

/** Which tensors are quantized, and in which formats. */
export interface Assignment {
  /** The quantized layers, in order of execution. */
  readonly layers: readonly Layer[];
  /** Formats of their weights, by parameter name. */
  readonly weights: ReadonlyMap<string, Scheme>;
  /** Their input tensors, by name. */
  readonly sites: ReadonlyMap<string, ActivationSite>;
}

/**
 * Decides which layers are quantized and on which grids. Weights get one scale per output channel;
 * activations one per tensor, or one per channel where only depthwise convolutions read them: such a
 * scale folds into the per-output-channel multiplier, so it costs an integer kernel nothing.
 *
 * Errors: ArgumentError when an exclude pattern or a rule matches no layer, a rule is refused (see `BitRule`), or nothing is
 * left to quantize.
 */
export function assign(graph: Graph, options: AssignOptions): Assignment {
  const { keep, exclude = [], bits: rules = [], firstLayerBits = 8 } = options;
  requireLayers(graph, "exclude", exclude);
  requireRules(graph, rules, keep);
  const ruled = new Map(graph.layers.map((l) => [l, bitsFor(rules, l)]));
  const layers = graph.layers.filter((l) => !matchesAny(keep, l.name) && !matchesAny(exclude, l.name) && !ruled.get(l)?.float);
  if (layers.length === 0)
    throw new ArgumentError(
      "assign",
      `at least 1 layer must be left to quantize, got 0 of ${graph.layers.length} (see --exclude and the card's head)`,
    );
  const first = graph.layers[0];
  const bitsOf = (layer: Layer, bits: number) => (layer === first ? Math.max(bits, firstLayerBits) : bits);
  const weights = new Map<string, Scheme>();
  for (const layer of layers) {
    const bits = ruled.get(layer)?.weightBits ?? bitsOf(layer, options.weightBits);
    const shared = weights.get(layer.weight);
    if (!shared || shared.bits < bits) weights.set(layer.weight, weightScheme(layer, bits, options));
  }
  const sites = new Map<string, ActivationSite>();
  for (const layer of layers) {
    const readers = [...(sites.get(layer.input)?.readers ?? []), layer];
    const perChannel = (options.perChannelDepthwise ?? true) && readers.every((l) => l.depthwise);
    const bits = Math.max(...readers.map((l) => ruled.get(l)?.activationBits ?? bitsOf(l, options.activationBits)));
    const scheme = makeScheme({ bits, mapping: "affine", signed: false, axis: perChannel ? 1 : null });
    sites.set(layer.input, { tensor: layer.input, scheme, readers });
  }
  return { layers, weights, sites };
}

function weightScheme(layer: Layer, bits: number, options: AssignOptions): Scheme {
  const coded = options.reduceRange && bits === 8 ? 7 : bits;
  return makeScheme({
    bits: coded,
    mapping: options.weightMapping ?? (bits >= 8 ? "symmetricNarrow" : "affine"),
    signed: true,
    axis: layer.channelAxis,
  });
}
