import { z } from "zod";
import { clamp, log, logSigmoid, reshape, type Tensor } from "../../tensor/index.ts";
import { classNames } from "../classNames.ts";
import type { Heads, Prediction } from "../detector.ts";
import { decodeCenters } from "../heatmap.ts";
import { headLayers, type NetworkView, type Port, pictureInput, throughSigmoid } from "../network.ts";
import { cardKeys, name } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const schema = z.strictObject({
  ...cardKeys,
  format: z.literal("centernet"),
  outputs: z.strictObject({ heatmap: name, size: name, offset: name.optional() }),
  /** Whether the heatmap output went through its sigmoid. */
  heatmap: z.enum(["probability", "logit"]).default("probability"),
  /** Whether sizes count heatmap cells or input pixels. */
  sizeUnit: z.enum(["cell", "pixel"]).default("cell"),
});

export type CenternetCard = z.infer<typeof schema>;

/**
 * CenterNet: a class heatmap [N, classes, h, w] (probabilities or logits), box sizes [N, 2, h, w] and, if there is one,
 * centre offsets [N, 2, h, w] in cells. 3 x 3 peaks, no anchors.
 */
function decoder(card: CenternetCard): Decoder {
  const { outputs, input } = card;
  const heatOf = (heads: Heads): Tensor => readHead(heads, outputs.heatmap, [-1, card.classes.length, -1, -1]);
  const pairOf = (heads: Heads, name: string, heat: Tensor): Tensor =>
    readHead(heads, name, [heat.shape[0], 2, heat.shape[2], heat.shape[3]]);
  return {
    logScores(heads) {
      const heat = heatOf(heads);
      const [n, c, h, w] = heat.shape;
      return reshape(card.heatmap === "logit" ? logSigmoid(heat) : log(clamp(heat, { min: LEAST_SCORE })), { shape: [n, c, h * w] });
    },
    candidates(heads) {
      const heat = heatOf(heads);
      const [images, classes, height, width] = heat.shape;
      const size = pairOf(heads, outputs.size, heat);
      const offset = outputs.offset === undefined ? undefined : pairOf(heads, outputs.offset, heat);
      const cells = width * height;
      const image = (x: Tensor, n: number): ArrayLike<number> => x.data.subarray(n * x.shape[1] * cells, (n + 1) * x.shape[1] * cells);
      const scale = { x: input.width / width, y: input.height / height };
      return Array.from({ length: images }, (_, n) => {
        const maps = { width, height, classes, heat: image(heat, n), size: image(size, n), offset: offset && image(offset, n) };
        return decodeCenters(maps, card.maxDetections).flatMap((p) => toPixels(p, card, scale));
      });
    },
  };
}

/** From heatmap cells to input pixels; nothing when the score is below the card's threshold. */
function toPixels(p: Prediction, card: CenternetCard, scale: { x: number; y: number }): Prediction[] {
  const score = card.heatmap === "logit" ? 1 / (1 + Math.exp(-p.score)) : p.score;
  if (!(score >= card.scoreThreshold)) return [];
  const cx = ((p.box[0] + p.box[2]) / 2) * scale.x;
  const cy = ((p.box[1] + p.box[3]) / 2) * scale.y;
  const inCells = card.sizeUnit === "cell";
  const w = (p.box[2] - p.box[0]) * (inCells ? scale.x : 1);
  const h = (p.box[3] - p.box[1]) * (inCells ? scale.y : 1);
  return [{ box: [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], score, label: p.label }];
}

/** How files name their heatmaps. */
export const HEAT_NAME = /heat|hm|center|cls/i;
export const SIZE_NAME = /wh|size|dim/i;
export const OFFSET_NAME = /reg|off/i;

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

/** CenterNet: RGB 0..1, letterboxed in the middle. Unstated in such files: their preparation, so check the card. */
function preset(network: NetworkView): CenternetCard | undefined {
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

export const centernet: Format<CenternetCard> = { name: "centernet", schema, preset, decoder };
