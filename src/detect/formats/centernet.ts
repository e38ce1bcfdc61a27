import { z } from "zod";
import { exp } from "../../elementary.ts";
import {
  add,
  clamp,
  concat,
  log,
  logSigmoid,
  maximum,
  minimum,
  mul,
  permute,
  relu,
  reshape,
  sub,
  type Tensor,
} from "../../tensor/index.ts";
import { classNames } from "../classNames.ts";
import type { Heads } from "../detector.ts";
import { heatPeaks } from "../heatmap.ts";
import { headLayers, type NetworkView, type Port, pictureInput, throughSigmoid } from "../network.ts";
import { boxAt, boxesAround, numbersLike, pairs } from "./boxes.ts";
import { cardKeys, name } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { gridOf, mapSize } from "./grid.ts";
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
  const { outputs, maxDetections } = card;
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
    boxes: (heads) => boxesOf(mapsOf(heads), card),
    maps: (heads) => [mapSize(heatOf(heads))],
    logScores(heads) {
      const heat = heatOf(heads);
      const [n, c, h, w] = heat.shape;
      return reshape(card.heatmap === "logit" ? logSigmoid(heat) : log(clamp(heat, { min: LEAST_SCORE })), { shape: [n, c, h * w] });
    },
    candidates(heads) {
      const maps = mapsOf(heads);
      const [images, classes, height, width] = maps.heat.shape;
      const boxes = boxesOf(maps, card);
      const volume = classes * height * width;
      return Array.from({ length: images }, (_, n) => {
        const heat = maps.heat.data.subarray(n * volume, (n + 1) * volume);
        return heatPeaks({ width, height, classes, heat }, maxDetections)
          .map((peak) => ({ box: boxAt(boxes, n, peak.cell), score: scoreOf(card, peak.heat), label: peak.label }))
          .filter((p) => p.score >= card.scoreThreshold);
      });
    },
  };
}

const scoreOf = (card: CenternetCard, heat: number): number => (card.heatmap === "logit" ? 1 / (1 + exp(-heat)) : heat);

/** Boxes [N, 4, cells] in input pixels. A negative size counts as 0; edges that distances of opposite sign turn inside out change places. */
function boxesOf({ heat, size, offset, distances }: Maps, card: CenternetCard): Tensor {
  const [n, , h, w] = heat.shape;
  const flat = (map: Tensor): Tensor => reshape(map, { shape: [n, map.shape[1], h * w] });
  const stride = numbersLike(heat, [card.input.width / w, card.input.height / h], [2, 1]);
  const cells = numbersLike(heat, gridOf({ width: w, height: h }, [1]).cells, [2, h * w]);
  const inPixels = (lengths: Tensor): Tensor => (card.sizeUnit === "cell" ? mul(lengths, stride) : lengths);
  if (distances) {
    const [before, behind] = pairs(flat(distances)).map(inPixels);
    const corner = mul(cells, stride);
    const [a, b] = [sub(corner, before), add(corner, behind)];
    return concat([minimum(a, b), maximum(a, b)], { dim: 1 });
  }
  const centre = mul(add(cells, offset ? flat(offset) : 0.5), stride);
  return boxesAround(centre, inPixels(relu(flat(size as Tensor))));
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
