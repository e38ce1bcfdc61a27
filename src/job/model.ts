import { type Card, cardTemplate, detectorFrom, matchPreset, parseCard } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";
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
 * Errors: ArgumentError when the file is refused, or when no preset matches and no card was given.
 */
export function loadModel(model: Uint8Array | Graph, name: string, card?: unknown): LoadedModel {
  const graph = model instanceof Graph ? model : importOnnx(model, { name });
  const found = card === undefined ? matchPreset(graph) : parseCard(card, "card");
  if (!found) {
    const outputs = graph.outputs.map((o) => `${o.name}[${o.shape.join(",")}]`).join(", ");
    throw new ArgumentError(
      name,
      `outputs must match a detector card, got ${outputs} (no preset fits: "inlierq inspect" prints a card to complete, --card takes it)`,
    );
  }
  return { graph, card: found, detector: detectorFrom(graph, found) };
}

/** The card a graph matches, or a template to complete. */
export function findCard(graph: Graph): { card: Card; matched: true } | { card: unknown; matched: false } {
  const card = matchPreset(graph);
  return card ? { card, matched: true } : { card: cardTemplate(graph), matched: false };
}
