import { clamp, log, logSigmoid, reshape, type Tensor } from "../../tensor/index.ts";
import type { CenternetCard } from "../card.ts";
import type { Heads, Prediction } from "../detector.ts";
import { decodeCenters } from "../heatmap.ts";
import { type Decoder, headNamed, LEAST_SCORE, requireHead } from "./decoder.ts";

/**
 * CenterNet: a class heatmap [N, classes, h, w] (probabilities or logits), box sizes [N, 2, h, w] and, if there is one,
 * centre offsets [N, 2, h, w] in cells. 3 x 3 peaks, no anchors.
 */
export function centernetDecoder(card: CenternetCard): Decoder {
  const { outputs, input } = card;
  const heatOf = (heads: Heads): Tensor => {
    const heat = headNamed(heads, outputs.heatmap);
    requireHead(outputs.heatmap, heat, [-1, card.classes.length, -1, -1]);
    return heat;
  };
  const pairOf = (heads: Heads, name: string, heat: Tensor): Tensor => {
    const pair = headNamed(heads, name);
    requireHead(name, pair, [heat.shape[0], 2, heat.shape[2], heat.shape[3]]);
    return pair;
  };
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
