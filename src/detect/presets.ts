import { ArgumentError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import { type Card, FORMATS } from "./card.ts";
import { type NetworkView, pictureSize } from "./network.ts";

/** The card of the format whose only input and whose outputs have the network's shapes. */
export function matchPreset(network: NetworkView): Card | undefined {
  if (network.inputs.length !== 1) return undefined;
  for (const format of FORMATS) {
    const card = format.preset(network);
    if (card) return card;
  }
  return undefined;
}

/**
 * The network input that takes the picture: the card's, else the only one, else the only one with a picture's shape.
 * Errors: ArgumentError where that is none or several.
 */
export function pictureInputOf(network: NetworkView, card?: Pick<Card, "pictureInput">): string {
  if (card?.pictureInput !== undefined) return card.pictureInput;
  if (network.inputs.length === 1) return network.inputs[0].name;
  const found = network.inputs.filter(({ shape }) => pictureSize(shape) !== undefined);
  if (found.length === 1) return found[0].name;
  const got = network.inputs.map((p) => `${p.name}[${p.shape.join(",")}]`).join(" ");
  throw new ArgumentError("card", `pictureInput must say which input takes the picture, got ${got || "no input"}`);
}

/**
 * The card of a network: the one given, checked against the network's outputs, else that of the matching preset.
 * Errors: ArgumentError when an input or output of the card is missing, or no class heatmap is recognised.
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
  requireInputs(network, card);
  return card;
}

/** The inputs a card names must exist, and its constants fill them. */
function requireInputs(network: NetworkView, card: Card): void {
  const names = network.inputs.map((p) => p.name);
  const named = (role: string, name: string): void => {
    if (!names.includes(name))
      throw new ArgumentError("card", `${role} must name an input of the network, got "${name}" (${didYouMean(name, names)})`);
  };
  if (card.pictureInput !== undefined) named("pictureInput", card.pictureInput);
  for (const [name, values] of Object.entries(card.constants ?? {})) {
    named("constants", name);
    const shape = network.inputs[names.indexOf(name)].shape.map((d) => (d === -1 ? 1 : d));
    const want = shape.reduce((a, d) => a * d, 1);
    if (values.length !== want)
      throw new ArgumentError("card", `constants.${name} must hold ${want} values for [${shape.join(",")}], got ${values.length}`);
  }
}
