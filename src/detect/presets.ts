import { ArgumentError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import type { Card, CenternetCard, FastestdetCard, YoloxCard } from "./card.ts";
import { classNames } from "./classNames.ts";
import type { InputSpec } from "./detector.ts";
import { headLayers, type NetworkView } from "./network.ts";

type Port = NetworkView["outputs"][number];

/** Width and height of the picture input, or undefined when there is no single one of a fixed size. */
function pictureSize(network: NetworkView): { width: number; height: number; layout: "NCHW" | "NHWC" } | undefined {
  const found = network.inputs.flatMap(({ shape }) => sizeIn(shape) ?? []);
  return found.length === 1 ? found[0] : undefined;
}

/** How a picture lies in an input of a shape. */
function sizeIn(shape: readonly number[]): { width: number; height: number; layout: "NCHW" | "NHWC" } | undefined {
  if (shape.length !== 4) return undefined;
  const [, a, b, c] = shape;
  if (a === 3 && b > 0 && c > 0) return { height: b, width: c, layout: "NCHW" };
  if (c === 3 && a > 0 && b > 0) return { height: a, width: b, layout: "NHWC" };
  return undefined;
}

/**
 * The network input that takes the picture: the card's, else the only one, else the only one with a picture's shape.
 * Errors: ArgumentError where that is none or several.
 */
export function pictureInputOf(network: NetworkView, card?: Pick<Card, "pictureInput">): string {
  if (card?.pictureInput !== undefined) return card.pictureInput;
  if (network.inputs.length === 1) return network.inputs[0].name;
  const found = network.inputs.filter(({ shape }) => sizeIn(shape) !== undefined);
  if (found.length === 1) return found[0].name;
  const got = network.inputs.map((p) => `${p.name}[${p.shape.join(",")}]`).join(" ");
  throw new ArgumentError("card", `pictureInput must say which input takes the picture, got ${got || "no input"}`);
}

const YOLOX_STRIDES = [8, 16, 32];

/** YOLOX: BGR 0..255, letterboxed to the top left with grey 114. */
function yolox(network: NetworkView): YoloxCard | undefined {
  const input = pictureSize(network);
  if (!input || network.outputs.length !== 1) return undefined;
  const [{ name, shape }] = network.outputs;
  const anchors = YOLOX_STRIDES.reduce((sum, s) => sum + Math.floor(input.width / s) * Math.floor(input.height / s), 0);
  if (shape.length !== 3 || shape[1] !== anchors || shape[2] < 6) return undefined;
  return {
    version: 1,
    name: "yolox",
    format: "yolox",
    input: { ...input, color: "BGR", resize: "letterbox", anchor: "topLeft", fill: 114, mean: [0, 0, 0], std: [1, 1, 1] },
    classes: [...classNames(shape[2] - 5)],
    outputs: { predictions: name },
    strides: YOLOX_STRIDES,
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(network, [name], "included"),
  };
}

/** FastestDet: BGR 0..1, stretched; one map at stride 16. */
function fastestdet(network: NetworkView): FastestdetCard | undefined {
  const input = pictureSize(network);
  if (!input || network.outputs.length !== 1) return undefined;
  const [{ name, shape }] = network.outputs;
  if (shape.length !== 4 || shape[1] < 6 || shape[2] * 16 !== input.height || shape[3] * 16 !== input.width) return undefined;
  return {
    version: 1,
    name: "fastestdet",
    format: "fastestdet",
    input: { ...input, color: "BGR", resize: "stretch", anchor: "topLeft", fill: 0, mean: [0, 0, 0], std: [255, 255, 255] },
    classes: [...classNames(shape[1] - 5)],
    outputs: { predictions: name },
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(network, [name], "included"),
  };
}

const HEAT_NAME = /heat|hm|center|cls/i;
const SIZE_NAME = /wh|size|dim/i;
const OFFSET_NAME = /reg|off/i;

/** Heatmap, size and offset among the outputs, by name and shape; undefined unless each is found once. */
function centerOutputs(outputs: readonly Port[]): { heatmap: Port; size: Port; offset: Port | undefined } | undefined {
  const maps = outputs.filter((o) => o.shape.length === 4);
  if (maps.length !== outputs.length || maps.length < 2 || maps.length > 3) return undefined;
  const [, , height, width] = maps[0].shape;
  if (maps.some((o) => o.shape[2] !== height || o.shape[3] !== width)) return undefined;
  const pairs = maps.filter((o) => o.shape[1] === 2 && !HEAT_NAME.test(o.name));
  const heat = maps.filter((o) => !pairs.includes(o));
  const offset = pairs.filter((o) => OFFSET_NAME.test(o.name));
  const size = pairs.filter((o) => !offset.includes(o) && (pairs.length === 1 || SIZE_NAME.test(o.name)));
  if (heat.length !== 1 || size.length !== 1 || offset.length !== maps.length - 2) return undefined;
  return { heatmap: heat[0], size: size[0], offset: offset[0] };
}

const throughSigmoid = (network: NetworkView, output: string): boolean =>
  network.nodes.some((node) => node.outputs.includes(output) && node.op.name === "sigmoid");

/** CenterNet: RGB 0..1, letterboxed in the middle. Unstated in such files: their preparation, so check the card. */
function centernet(network: NetworkView): CenternetCard | undefined {
  const input = pictureSize(network);
  const roles = centerOutputs(network.outputs);
  if (!input || !roles) return undefined;
  const outputs = { heatmap: roles.heatmap.name, size: roles.size.name, ...(roles.offset && { offset: roles.offset.name }) };
  return {
    version: 1,
    name: "centernet",
    format: "centernet",
    input: { ...input, color: "RGB", resize: "letterbox", anchor: "center", fill: 0, mean: [0, 0, 0], std: [255, 255, 255] },
    classes: [...classNames(roles.heatmap.shape[1])],
    outputs,
    heatmap: throughSigmoid(network, roles.heatmap.name) ? "probability" : "logit",
    sizeUnit: "cell",
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(network, Object.values(outputs), "excluded"),
  };
}

/** The card of the first preset (yolox, fastestdet, centernet) whose only input and whose outputs have the network's shapes. */
export const matchPreset = (network: NetworkView): Card | undefined =>
  network.inputs.length === 1 ? (yolox(network) ?? fastestdet(network) ?? centernet(network)) : undefined;

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
      `the network must have a class heatmap output that a preset knows, got ${got} (complete the card that inspect prints)`,
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

/** What a template says about several inputs. */
function inputsTemplate(network: NetworkView): Record<string, unknown> {
  if (network.inputs.length < 2) return {};
  const pictures = network.inputs.filter(({ shape }) => sizeIn(shape) !== undefined);
  const picture = pictures.length === 1 ? pictures[0].name : "?";
  const others = network.inputs.filter((p) => p.name !== picture);
  return { pictureInput: picture, constants: Object.fromEntries(others.map((p) => [p.name, ["?"]])) };
}

/** A card to complete by hand: guesses where the network allows them, "?" where it does not. */
export function cardTemplate(network: NetworkView): Record<string, unknown> {
  const preset = matchPreset(network);
  if (preset) return { ...preset };
  const size = pictureSize(network);
  const maps = network.outputs.filter((o) => o.shape.length === 4);
  const guess = (pattern: RegExp): string => maps.find((o) => pattern.test(o.name))?.name ?? "?";
  const heat = maps.find((o) => HEAT_NAME.test(o.name));
  const input: Record<keyof InputSpec, unknown> = {
    width: size?.width ?? "?",
    height: size?.height ?? "?",
    layout: size?.layout ?? "NCHW",
    color: "RGB",
    resize: "letterbox",
    anchor: "center",
    fill: 0,
    mean: [0, 0, 0],
    std: [255, 255, 255],
  };
  return {
    version: 1,
    name: "my detector",
    format: "centernet",
    input,
    ...inputsTemplate(network),
    classes: heat && heat.shape[1] > 0 ? classNames(heat.shape[1]) : ["?"],
    outputs: { heatmap: heat?.name ?? "?", size: guess(SIZE_NAME), offset: guess(OFFSET_NAME) },
    heatmap: heat && !throughSigmoid(network, heat.name) ? "logit" : "probability",
    sizeUnit: "cell",
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(
      network,
      network.outputs.map((o) => o.name),
      "excluded",
    ),
  };
}
