import { ArgumentError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import { type Card, FORMATS } from "./card.ts";
import type { NetworkView } from "./network.ts";

/** The card of the format whose input and output shapes the network has. */
export function matchPreset(network: NetworkView): Card | undefined {
  for (const format of FORMATS) {
    const card = format.preset(network);
    if (card) return card;
  }
  return undefined;
}

/**
 * The card of a network: the one given, checked against the network's outputs, else that of the matching preset.
 * Errors: ArgumentError when an output of the card is missing, or no class heatmap is recognised.
 */
export function cardFor(network: NetworkView, card?: Card): Card {
  const names = network.outputs.map((o) => o.name);
  if (!card) {
    const preset = matchPreset(network);
    if (preset) return preset;
    const got = network.outputs.map((o) => `${o.name}[${o.shape.join(",")}]`).join(" ");
    throw new ArgumentError(
      "detector",
      `the network must have a class heatmap output that a preset knows, got ${got} (complete the card that inspect --card prints)`,
    );
  }
  for (const [role, name] of Object.entries(card.outputs)) {
    if (name !== undefined && !names.includes(name))
      throw new ArgumentError("card", `outputs.${role} must name an output of the network, got "${name}" (${didYouMean(name, names)})`);
  }
  return card;
}
