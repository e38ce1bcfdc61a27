import { z } from "zod";
import { clamp, log, reshape, type Tensor } from "../../tensor/index.ts";
import type { Heads, Prediction } from "../detector.ts";
import { headLayers, type NetworkView, pictureInput, throughSigmoid } from "../network.ts";
import { connectedRegions, type Region } from "../regions.ts";
import { cardKeys, name } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { mapSize } from "./grid.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const schema = z.strictObject({
  ...cardKeys,
  format: z.literal("dbnet"),
  outputs: z.strictObject({ heatmap: name }),
  /** Heat above which a pixel is text. */
  regionThreshold: z.number().min(0).max(1).default(0.3),
  /** How far a box grows: area * ratio / perimeter on every side, since the heat covers the middle of a text only. */
  unclipRatio: z.number().min(0).default(1.5),
});

export type DbnetCard = z.infer<typeof schema>;

/** Regions narrower than this many map cells are noise. */
const LEAST_SIDE = 3;

/**
 * DBNet, a text detector: one heatmap [N, 1, h, w] through its sigmoid. A box is a region of touching cells above
 * `regionThreshold`, grown by area * unclipRatio / perimeter on every side; its score is the mean heat of the region.
 * log H is the logarithm of the heat.
 *
 * Departure: boxes are upright, not the least rotated rectangles; the score leaves out the cold corners of the box.
 * Source: Liao et al. 2020, Real-time Scene Text Detection with Differentiable Binarization; constants of PaddleOCR.
 */
function decoder(card: DbnetCard): Decoder {
  const read = (heads: Heads): Tensor => readHead(heads, card.outputs.heatmap, [-1, 1, -1, -1]);
  return {
    maps: (heads) => [mapSize(read(heads))],
    logScores(heads) {
      const heat = read(heads);
      const [n, , h, w] = heat.shape;
      return reshape(log(clamp(heat, { min: LEAST_SCORE })), { shape: [n, 1, h * w] });
    },
    candidates(heads) {
      const heat = read(heads);
      const [images, , height, width] = heat.shape;
      const scale = { x: card.input.width / width, y: card.input.height / height };
      return Array.from({ length: images }, (_, n) =>
        connectedRegions(heat.data.subarray(n * height * width, (n + 1) * height * width), width, card.regionThreshold)
          .filter((r) => Math.min(r.right - r.left, r.bottom - r.top) + 1 >= LEAST_SIDE && r.mean >= card.scoreThreshold)
          .map((r) => boxOf(r, card.unclipRatio, scale)),
      );
    },
  };
}

/** The grown box of a region in input pixels. */
function boxOf(r: Region, ratio: number, scale: { readonly x: number; readonly y: number }): Prediction {
  const [w, h] = [r.right + 1 - r.left, r.bottom + 1 - r.top];
  const grow = (w * h * ratio) / (2 * (w + h));
  const [x1, x2] = [(r.left - grow) * scale.x, (r.right + 1 + grow) * scale.x];
  const [y1, y2] = [(r.top - grow) * scale.y, (r.bottom + 1 + grow) * scale.y];
  return { box: [x1, y1, x2, y2], score: r.mean, label: 0 };
}

/** Whether the last two layers are transposed convolutions: what tells a DBNet from other networks that colour pixels. */
function endsInTransposed(network: NetworkView): boolean {
  const last = network.layers.slice(-2).map((l) => l.name);
  return last.length === 2 && network.nodes.filter((n) => last.includes(n.name)).every((n) => n.op.name === "convTranspose2d");
}

/** PP-OCR's text detector: BGR with the means and deviations of ImageNet's red, green, blue, in that order, as PaddleOCR has it. */
function preset(network: NetworkView): DbnetCard | undefined {
  const input = pictureInput(network);
  if (input?.layout !== "NCHW" || network.outputs.length !== 1) return undefined;
  const [{ name: heatmap, shape }] = network.outputs;
  if (shape.length !== 4 || shape[1] !== 1 || shape[2] !== input.height || shape[3] !== input.width) return undefined;
  if (!throughSigmoid(network, heatmap) || !endsInTransposed(network)) return undefined;
  return {
    version: 1,
    name: "dbnet",
    format: "dbnet",
    input: {
      ...{ ...input, color: "BGR", resize: "letterbox", anchor: "topLeft", fill: 0 },
      ...{ mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
    },
    classes: ["text"],
    outputs: { heatmap },
    regionThreshold: 0.3,
    unclipRatio: 1.5,
    scoreThreshold: 0.3,
    visibleThreshold: 0.6,
    nmsIou: 1,
    maxDetections: 1000,
    ...headLayers(network, [heatmap], "included"),
  };
}

export const dbnet: Format<DbnetCard> = { name: "dbnet", schema, preset, decoder };
