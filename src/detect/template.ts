import { classNames } from "./classNames.ts";
import type { InputSpec } from "./detector.ts";
import { HEAT_NAME, OFFSET_NAME, SIZE_NAME } from "./formats/centernet.ts";
import { headLayers, type NetworkView, pictureInput, throughSigmoid } from "./network.ts";
import { matchPreset } from "./presets.ts";

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
    outputLayout: "NCHW",
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
