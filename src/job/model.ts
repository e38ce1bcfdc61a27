import { type Card, cardFor, cardTemplate, detectorFrom, type HeadLayers, headLayers, matchPreset, parseCard } from "../detect/index.ts";
import { Graph } from "../graph/index.ts";
import { importOnnx } from "../onnx/index.ts";
import type { GraphDetector, GraphModel } from "../quant/index.ts";

/** A network that a card has made into a detector. */
export interface LoadedModel extends GraphDetector {
  readonly card: Card;
}

/** A network without a card: it runs and can be quantized, but nobody knows what its outputs mean. */
export interface BareModel extends GraphModel {
  readonly card?: undefined;
  readonly detector?: undefined;
}

/**
 * Reads a model and finds the card that says what its outputs mean: the given one, else a preset that
 * matches the graph.
 *
 * Errors: ArgumentError when the file is refused, when no preset matches and no card was given, or when the card names
 * an output the graph does not have.
 */
export function loadModel(model: Uint8Array | Graph, name: string, card?: unknown): LoadedModel {
  const graph = graphOf(model, name);
  return withCard(graph, cardFor(graph, card === undefined ? undefined : parseCard(card, "card")));
}

/**
 * As `loadModel`, but a network that no card was given for and no preset matches is taken as it is.
 *
 * Errors: ArgumentError when the file is refused, or when the card names an output the graph does not have.
 */
export function loadNetwork(model: Uint8Array | Graph, name: string, card?: unknown): LoadedModel | BareModel {
  const graph = graphOf(model, name);
  const found = card === undefined ? matchPreset(graph) : cardFor(graph, parseCard(card, "card"));
  return found ? withCard(graph, found) : { graph };
}

const graphOf = (model: Uint8Array | Graph, name: string): Graph => (model instanceof Graph ? model : importOnnx(model, { name }));

const withCard = (graph: Graph, card: Card): LoadedModel => ({ graph, card, detector: detectorFrom(graph, card) });

/** The layers that end a network, which policies keep in float: the card's lists, else what its outputs hang on. */
export function endLayers({ graph, card }: LoadedModel | BareModel): Pick<HeadLayers, "head" | "predictions"> | Card {
  if (card) return card;
  const outputs = graph.outputs.map((p) => p.name);
  return headLayers(graph, outputs, "excluded");
}

/** The card a graph matches, or a template to complete. */
export function findCard(graph: Graph): { card: Card; matched: true } | { card: unknown; matched: false } {
  const card = matchPreset(graph);
  return card ? { card, matched: true } : { card: cardTemplate(graph), matched: false };
}
