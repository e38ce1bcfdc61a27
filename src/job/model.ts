import { type Card, cardFor, cardTemplate, detectorFrom, matchPreset, parseCard } from "../detect/index.ts";
import type { Graph } from "../graph/index.ts";
import type { GraphDetector } from "../quant/index.ts";
import { type ModelSource, type ReadOptions, readGraph } from "./source.ts";

/** A network that a card has made into a detector. */
export interface LoadedModel extends GraphDetector {
  readonly card: Card;
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
  const found = cardFor(graph, given);
  return { graph, card: found, detector: detectorFrom(graph, found) };
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
