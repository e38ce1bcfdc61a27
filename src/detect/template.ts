import { CARD_FORMATS } from "./card.ts";
import { classNames } from "./classNames.ts";
import type { InputSpec } from "./detector.ts";
import { HEAT_NAME, OFFSET_NAME, SIZE_NAME } from "./formats/centernet.ts";
import { headLayers, type NetworkView, type Port, pictureInput, throughSigmoid } from "./network.ts";
import { matchPreset } from "./presets.ts";

/** How many inner tensors a template offers beside the outputs. */
const INNER = 6;

/**
 * Tensors a card may name: the network's outputs, then the last maps inside it that layers and sigmoids write, those of
 * later nodes first.
 */
export function candidateTensors(network: NetworkView): Port[] {
  const outputs = new Set(network.outputs.map((o) => o.name));
  const written = new Set(network.layers.map((l) => l.output));
  const inner = network.nodes.flatMap((node): Port[] => {
    const [name] = node.outputs;
    const shape = network.metas?.get(name)?.shape;
    if (shape?.length !== 4 || outputs.has(name) || !(written.has(name) || node.op.name === "sigmoid")) return [];
    return [{ name, shape }];
  });
  return [...network.outputs, ...inner.reverse().slice(0, INNER)];
}

/** A free dimension is written N. */
const listed = (ports: readonly Port[]): string =>
  ports.map((p) => `${p.name} [${p.shape.map((d) => (d === -1 ? "N" : d)).join(",")}]`).join(", ");

/** What to write in place of the "?" of an input key. */
const INPUT_GAPS = {
  color: "? RGB or BGR",
  resize: "? letterbox keeps the aspect ratio, stretch does not",
  mean: "? three numbers: value = (pixel - mean) / std with pixel in 0..255; [0, 0, 0] where nothing is subtracted",
  std: "? three numbers; [1, 1, 1] keeps 0..255, [255, 255, 255] gives 0..1",
} as const satisfies Partial<Record<keyof InputSpec, string>>;

function inputOf(network: NetworkView): Record<keyof InputSpec, unknown> {
  const size = pictureInput(network);
  return {
    width: size?.width ?? "? width of the network input in pixels",
    height: size?.height ?? "? height of the network input in pixels",
    layout: size?.layout ?? "? NCHW or NHWC",
    ...{ color: INPUT_GAPS.color, resize: INPUT_GAPS.resize, anchor: "topLeft", fill: 0 },
    ...{ mean: INPUT_GAPS.mean, std: INPUT_GAPS.std },
  };
}

/**
 * A card to complete by hand: the preset's where there is one, else what the network shows, and strings that begin with
 * "?" and say what is missing where it does not. `parseCard` refuses a card while one is left.
 */
export function cardTemplate(network: NetworkView): Record<string, unknown> {
  const preset = matchPreset(network);
  if (preset) return { ...preset };
  const maps = network.outputs.filter((o) => o.shape.length === 4);
  const heat = maps.find((o) => HEAT_NAME.test(o.name));
  const candidates = candidateTensors(network);
  const gap = (what: string, fits: (port: Port) => boolean): string => {
    const fitting = candidates.filter(fits);
    return `? ${what}; tensors: ${listed(fitting.length > 0 ? fitting : candidates)}`;
  };
  const role = (pattern: RegExp, what: string): string =>
    maps.find((o) => pattern.test(o.name))?.name ?? gap(what, ({ shape }) => shape.length === 4 && shape[1] === 2);
  const outputs = {
    heatmap: heat?.name ?? gap("map of class scores [N,classes,h,w]", ({ shape }) => shape.length === 4),
    size: role(SIZE_NAME, "map of box sizes [N,2,h,w]"),
    offset: role(OFFSET_NAME, "map of centre offsets [N,2,h,w], or delete this line"),
  };
  const known = Object.values(outputs).filter((name) => !name.startsWith("?"));
  return {
    version: 1,
    name: network.name ?? "detector",
    format: maps.length > 0 ? "centernet" : `? ${CARD_FORMATS.join(", ")}; other formats have other outputs`,
    input: inputOf(network),
    classes: heat && heat.shape[1] > 0 ? classNames(heat.shape[1]) : ["? one name a class, in the order of the channels"],
    outputs,
    outputLayout: "NCHW",
    heatmap: heat ? (throughSigmoid(network, heat.name) ? "probability" : "logit") : "? probability or logit (before the sigmoid)",
    sizeUnit: heat ? "cell" : "? cell or pixel",
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(network, known.length > 0 ? known : network.outputs.map((o) => o.name), "excluded"),
  };
}
