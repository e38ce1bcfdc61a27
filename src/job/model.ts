import { type Card, cardFor, cardTemplate, detectorFrom, type HeadLayers, headLayers, matchPreset, parseCard } from "../detect/index.ts";
import type { Graph } from "../graph/index.ts";
import type { GraphDetector, GraphModel } from "../quant/index.ts";
import { type ModelSource, type ReadOptions, readGraph } from "./source.ts";

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
export function loadModel(model: ModelSource, name: string, card?: unknown): LoadedModel {
  const given = card === undefined ? undefined : parseCard(card, "card");
  const graph = readGraph(model, { name, ...askedBy(given) });
  return withCard(graph, cardFor(graph, given));
}

/**
 * As `loadModel`, but a network that no card was given for and no preset matches is taken as it is.
 *
 * Errors: ArgumentError when the file is refused, or when the card names an output the graph does not have.
 */
export function loadNetwork(model: ModelSource, name: string, card?: unknown): LoadedModel | BareModel {
  if (card !== undefined) return loadModel(model, name, card);
  const graph = readGraph(model, { name });
  const found = matchPreset(graph);
  return found ? withCard(graph, found) : { graph };
}

const withCard = (graph: Graph, card: Card): LoadedModel => ({ graph, card, detector: detectorFrom(graph, card) });

/** The same model over another graph with the same inputs and outputs. */
export const withGraph = ({ card }: LoadedModel | BareModel, graph: Graph): LoadedModel | BareModel =>
  card ? withCard(graph, card) : { graph };

/** The layers that end a network, which policies keep in float: the card's lists, else what its outputs hang on. */
export function endLayers({ graph, card }: LoadedModel | BareModel): Pick<HeadLayers, "head" | "predictions"> | Card {
  if (card) return card;
  const outputs = graph.outputs.map((p) => p.name);
  return headLayers(graph, outputs, "excluded");
}

/** What a card asks of the import: the tensors to end at, and the sides of pictures that the file leaves free. */
export const askedBy = (card: Card | undefined): Pick<ReadOptions, "endAt" | "freeSides"> =>
  card
    ? {
        endAt: Object.values(card.outputs)
          .flat()
          .filter((output) => output !== undefined),
        freeSides: [card.input.height, card.input.width],
      }
    : {};

/** The card a graph matches, or a template to complete. */
export function findCard(graph: Graph): { card: Card; matched: true } | { card: unknown; matched: false } {
  const card = matchPreset(graph);
  return card ? { card, matched: true } : { card: cardTemplate(graph), matched: false };
}
