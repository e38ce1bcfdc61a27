import { ArgumentError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import type { Card, CenternetCard, FastestdetCard, YoloxCard } from "./card.ts";
import { classNames } from "./classNames.ts";
import type { InputSpec } from "./detector.ts";
import { headLayers, type NetworkView } from "./network.ts";

type Port = NetworkView["outputs"][number];

/** Width and height of the one picture input, or undefined when there is none of a fixed size. */
function pictureInput(network: NetworkView): { width: number; height: number; layout: "NCHW" | "NHWC" } | undefined {
  if (network.inputs.length !== 1) return undefined;
  const [{ shape }] = network.inputs;
  if (shape.length !== 4) return undefined;
  const [, a, b, c] = shape;
  if (a === 3 && b > 0 && c > 0) return { height: b, width: c, layout: "NCHW" };
  if (c === 3 && a > 0 && b > 0) return { height: a, width: b, layout: "NHWC" };
  return undefined;
}

const YOLOX_STRIDES = [8, 16, 32];

/** YOLOX: BGR 0..255, letterboxed to the top left with grey 114. */
function yolox(network: NetworkView): YoloxCard | undefined {
  const input = pictureInput(network);
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
  const input = pictureInput(network);
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
  const input = pictureInput(network);
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

/** The card of the first preset (yolox, fastestdet, centernet) whose input and output shapes the network has. */
export const matchPreset = (network: NetworkView): Card | undefined => yolox(network) ?? fastestdet(network) ?? centernet(network);

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
      `the network must have a class heatmap output that a preset knows, got ${got} (complete the card that inspect prints)`,
    );
  }
  for (const [role, name] of Object.entries(card.outputs)) {
    if (name !== undefined && !names.includes(name))
      throw new ArgumentError("card", `outputs.${role} must name an output of the network, got "${name}" (${didYouMean(name, names)})`);
  }
  return card;
}

/** A card to complete by hand: guesses where the network allows them, "?" where it does not. */
export function cardTemplate(network: NetworkView): Record<string, unknown> {
  const preset = matchPreset(network);
  if (preset) return { ...preset };
  const size = pictureInput(network);
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
