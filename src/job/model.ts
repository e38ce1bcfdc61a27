import { type Card, cardFor, cardTemplate, detectorFrom, matchPreset, parseCard } from "../detect/index.ts";
import { Graph } from "../graph/index.ts";
import { importOnnx } from "../onnx/index.ts";
import type { GraphDetector } from "../quant/index.ts";

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
export function loadModel(model: Uint8Array | Graph, name: string, card?: unknown): LoadedModel {
  const given = card === undefined ? undefined : parseCard(card, "card");
  const graph = readGraph(model, name, given);
  const found = cardFor(graph, given);
  return { graph, card: found, detector: detectorFrom(graph, found) };
}

/** Height and width of the pictures of a file that takes any, unless a card says otherwise: a multiple of every usual stride. */
const FREE_SIDE = 640;

/** Imports a model; sides that the file leaves free are the card's, or 640 pixels. */
export function readGraph(model: Uint8Array | Graph, name: string, card?: Card): Graph {
  if (model instanceof Graph) return model;
  const { height, width } = card?.input ?? { height: FREE_SIDE, width: FREE_SIDE };
  return importOnnx(model, { name, freeSides: [height, width] });
}

/** The card a graph matches, or a template to complete. */
export function findCard(graph: Graph): { card: Card; matched: true } | { card: unknown; matched: false } {
  const card = matchPreset(graph);
  return card ? { card, matched: true } : { card: cardTemplate(graph), matched: false };
}
