import { z } from "zod";
import { exp } from "../../elementary.ts";
import { clamp, log, logSigmoid, permute, reshape, type Tensor } from "../../tensor/index.ts";
import { classNames } from "../classNames.ts";
import type { Heads, Prediction } from "../detector.ts";
import { decodeCenters, heatPeaks, type Peak } from "../heatmap.ts";
import { headLayers, type NetworkView, type Port, pictureInput, throughSigmoid } from "../network.ts";
import { cardKeys, name } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const schema = z.strictObject({
  ...cardKeys,
  format: z.literal("centernet"),
  /** Boxes come either as `size` and, if there is one, `offset`, or as `distances`. */
  outputs: z
    .strictObject({ heatmap: name, size: name.optional(), offset: name.optional(), distances: name.optional() })
    .refine((o) => (o.size === undefined) !== (o.distances === undefined), "give either size or distances")
    .refine((o) => o.offset === undefined || o.distances === undefined, "distances take no offset"),
  /** Whether the outputs are [N,C,h,w] or [N,h,w,C]. */
  outputLayout: z.enum(["NCHW", "NHWC"]).default("NCHW"),
  /** Whether the heatmap output went through its sigmoid. */
  heatmap: z.enum(["probability", "logit"]).default("probability"),
  /** Whether sizes and distances count heatmap cells or input pixels. */
  sizeUnit: z.enum(["cell", "pixel"]).default("cell"),
});

export type CenternetCard = z.infer<typeof schema>;

/** The heatmap and the boxes of a batch, [N,C,h,w] whatever their layout in the network. */
interface Maps {
  readonly heat: Tensor;
  readonly size: Tensor | undefined;
  readonly offset: Tensor | undefined;
  readonly distances: Tensor | undefined;
}

/**
 * CenterNet: a class heatmap [N, classes, h, w] (probabilities or logits) whose 3 x 3 peaks are objects, no anchors, and
 * either box sizes [N, 2, h, w] with centre offsets [N, 2, h, w] in cells, if there are any, or the distances
 * [N, 4, h, w] from the peak to the left, upper, right and lower edge of its box.
 *
 * A peak in cell (x, y) lies at (x + offset) * stride, (x + 0.5) * stride without offsets, x * stride with distances.
 */
function decoder(card: CenternetCard): Decoder {
  const { outputs, input, maxDetections } = card;
  const mapOf = (heads: Heads, output: string, [n, c, h, w]: readonly number[]): Tensor =>
    card.outputLayout === "NCHW"
      ? readHead(heads, output, [n, c, h, w])
      : permute(readHead(heads, output, [n, h, w, c]), { perm: [0, 3, 1, 2] });
  const heatOf = (heads: Heads): Tensor => mapOf(heads, outputs.heatmap, [-1, card.classes.length, -1, -1]);
  const mapsOf = (heads: Heads): Maps => {
    const heat = heatOf(heads);
    const [n, , h, w] = heat.shape;
    const found = (output: string | undefined, channels: number): Tensor | undefined =>
      output === undefined ? undefined : mapOf(heads, output, [n, channels, h, w]);
    return { heat, size: found(outputs.size, 2), offset: found(outputs.offset, 2), distances: found(outputs.distances, 4) };
  };
  return {
    logScores(heads) {
      const heat = heatOf(heads);
      const [n, c, h, w] = heat.shape;
      return reshape(card.heatmap === "logit" ? logSigmoid(heat) : log(clamp(heat, { min: LEAST_SCORE })), { shape: [n, c, h * w] });
    },
    candidates(heads) {
      const { heat, size, offset, distances } = mapsOf(heads);
      const [images, classes, height, width] = heat.shape;
      const cells = width * height;
      const image = (x: Tensor, n: number): ArrayLike<number> => x.data.subarray(n * x.shape[1] * cells, (n + 1) * x.shape[1] * cells);
      const scale = { x: input.width / width, y: input.height / height };
      return Array.from({ length: images }, (_, n) => {
        const maps = { width, height, classes, heat: image(heat, n) };
        const found = distances
          ? heatPeaks(maps, maxDetections).map((peak) => fromDistances(peak, width, image(distances, n), card, scale))
          : decodeCenters({ ...maps, size: image(size as Tensor, n), offset: offset && image(offset, n) }, maxDetections).map((p) =>
              toPixels(p, card, scale),
            );
        return found.map((p) => ({ ...p, score: scoreOf(card, p.score) })).filter((p) => p.score >= card.scoreThreshold);
      });
    },
  };
}

const scoreOf = (card: CenternetCard, heat: number): number => (card.heatmap === "logit" ? 1 / (1 + exp(-heat)) : heat);

interface Scale {
  readonly x: number;
  readonly y: number;
}

/** From heatmap cells to input pixels. */
function toPixels({ box, ...rest }: Prediction, card: CenternetCard, scale: Scale): Prediction {
  const cx = ((box[0] + box[2]) / 2) * scale.x;
  const cy = ((box[1] + box[3]) / 2) * scale.y;
  const unit = card.sizeUnit === "cell" ? scale : { x: 1, y: 1 };
  const w = (box[2] - box[0]) * unit.x;
  const h = (box[3] - box[1]) * unit.y;
  return { ...rest, box: [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] };
}

/** The box around a peak; edges that distances of opposite sign turn inside out change places. */
function fromDistances(peak: Peak, width: number, distances: ArrayLike<number>, card: CenternetCard, scale: Scale): Prediction {
  const { cell, label, heat } = peak;
  const unit = card.sizeUnit === "cell" ? scale : { x: 1, y: 1 };
  const cells = distances.length / 4;
  const at = (side: number): number => distances[side * cells + cell];
  const x = (cell % width) * scale.x;
  const y = Math.floor(cell / width) * scale.y;
  const [left, right] = [x - at(0) * unit.x, x + at(2) * unit.x];
  const [top, bottom] = [y - at(1) * unit.y, y + at(3) * unit.y];
  return { box: [Math.min(left, right), Math.min(top, bottom), Math.max(left, right), Math.max(top, bottom)], score: heat, label };
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

/**
 * The heatmap and the map of four distances of a network in channels-last order, as TensorFlow writes them: the
 * heatmap is the other one of two maps of one size.
 */
function distanceOutputs(outputs: readonly Port[]): { heatmap: Port; distances: Port } | undefined {
  const [a, b] = outputs;
  if (outputs.length !== 2 || a.shape.length !== 4 || b.shape.length !== 4) return undefined;
  if (a.shape[1] !== b.shape[1] || a.shape[2] !== b.shape[2]) return undefined;
  const four = outputs.filter((o) => o.shape[3] === 4 && (a.shape[3] !== b.shape[3] || !HEAT_NAME.test(o.name)));
  if (four.length !== 1) return undefined;
  return { heatmap: four[0] === a ? b : a, distances: four[0] };
}

const thresholds = { scoreThreshold: 0.01, visibleThreshold: 0.3, nmsIou: 0.5, maxDetections: 100 };

/** RGB 0..1, letterboxed in the middle. Unstated in such files: their preparation, so check the card. */
function presetOfSizes(network: NetworkView): CenternetCard | undefined {
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
    outputLayout: "NCHW",
    heatmap: throughSigmoid(network, roles.heatmap.name) ? "probability" : "logit",
    sizeUnit: "cell",
    ...thresholds,
    ...headLayers(network, Object.values(outputs), "excluded"),
  };
}

/** The CenterNet of TensorFlow.js: channels last, RGB 0..255, letterboxed to the top left, distances in pixels at stride 4. */
function presetOfDistances(network: NetworkView): CenternetCard | undefined {
  const input = pictureInput(network);
  const roles = distanceOutputs(network.outputs);
  if (input?.layout !== "NHWC" || !roles) return undefined;
  const [, height, width, classes] = roles.heatmap.shape;
  if (4 * height !== input.height || 4 * width !== input.width) return undefined;
  const outputs = { heatmap: roles.heatmap.name, distances: roles.distances.name };
  return {
    version: 1,
    name: "centernet",
    format: "centernet",
    input: { ...input, color: "RGB", resize: "letterbox", anchor: "topLeft", fill: 0, mean: [0, 0, 0], std: [1, 1, 1] },
    classes: [...classNames(classes)],
    outputs,
    outputLayout: "NHWC",
    heatmap: throughSigmoid(network, outputs.heatmap) ? "probability" : "logit",
    sizeUnit: "pixel",
    ...thresholds,
    ...headLayers(network, Object.values(outputs), "excluded"),
  };
}

const preset = (network: NetworkView): CenternetCard | undefined => presetOfSizes(network) ?? presetOfDistances(network);

export const centernet: Format<CenternetCard> = { name: "centernet", schema, preset, decoder };
